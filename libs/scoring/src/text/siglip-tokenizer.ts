import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { parseFields } from '../checkpoint/fields.js';
import { asText, namesIn, tokenizedText, withUnicodeSpaces, type ClipTokenizer } from './clip-tokenizer.js';
import { normaliserOf, splitterOf } from './text-steps.js';
import { Unigram } from './unigram.js';

const step = z.looseObject({ type: z.string() }).nullish();
const tokenName = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish();
const tokenizerFile = z.looseObject({
  added_tokens: z
    .array(z.looseObject({ id: z.int().min(0), content: z.string(), special: z.boolean().default(false) }))
    .default([]),
  normalizer: step,
  pre_tokenizer: step,
  post_processor: step,
  model: z.looseObject({ type: z.string() }),
});
const unigramModel = z.object({
  vocab: z.array(z.tuple([z.string(), z.number()])).min(1),
  unk_id: z.int().min(0),
  byte_fallback: z.boolean().default(false),
});
const tokenizerConfig = z.looseObject({
  tokenizer_class: z.string().nullish(),
  padding_side: z.enum(['left', 'right']).nullish(),
  pad_token: tokenName,
  bos_token: tokenName,
  eos_token: tokenName,
  add_bos_token: z.boolean().nullish(),
  add_eos_token: z.boolean().nullish(),
});

type TokenizerFile = z.infer<typeof tokenizerFile>;
type TokenizerConfig = z.infer<typeof tokenizerConfig>;

/** What cuts a text into token ids, without those that every text gets. */
interface Pieces {
  encode(text: string): readonly number[];
  readonly unknownId: number | null;
  idOf(token: string): number | undefined;
}

/**
 * The tokenizer of a SigLIP (Unigram) or a SigLIP 2 (Gemma's byte-pair encoding): texts end as `tokenizer.json` says and are padded to the
 * context's length, since the tower reads them from behind.
 *
 * @param json parsed `tokenizer.json`
 * @param config parsed `tokenizer_config.json`, or an empty object
 * @throws Error that names what can't be honoured
 */
export function siglipTokenizer(json: object, config: object, contextLength: number): ClipTokenizer {
  const file = parseFields('tokenizer.json', json, tokenizerFile);
  const settings = parseFields('tokenizer_config.json', config, tokenizerConfig);
  const pieces = file.model.type === 'Unigram' ? unigramPieces(file) : bytePairs(json, file, settings);
  const { start, end } = aroundTexts(file, settings, pieces);
  const padding = paddingOf(settings, pieces);
  const size = contextLength - start.length - end.length;
  return {
    contextLength,
    endOfText: end.at(-1) ?? padding.id,
    encode: (text) =>
      tokenizedText(pieces.encode(text), {
        size,
        unknownId: pieces.unknownId,
        windowOf: (ids) => padded([...start, ...ids, ...end], padding, contextLength),
      }),
  };
}

function padded(
  ids: readonly number[],
  { id, side }: { readonly id: number; readonly side: 'left' | 'right' },
  length: number,
): Int32Array<ArrayBuffer> {
  const row = new Int32Array(length).fill(id);
  row.set(ids, side === 'left' ? length - ids.length : 0);
  return row;
}

function unigramPieces({ added_tokens: added, normalizer, pre_tokenizer: splitting, model }: TokenizerFile): Pieces {
  const {
    vocab,
    unk_id: unknownId,
    byte_fallback: hasByteFallback,
  } = parseFields('tokenizer.json: model', model, unigramModel);
  const reserved = new Set(added.filter(({ special }) => special).map(({ content }) => content));
  const unigram = new Unigram({ pieces: vocab, unknownId, hasByteFallback, reserved });
  const [normalise, split] = [normaliserOf(normalizer), splitterOf(splitting)];
  const ids = new Map([...vocab.map(([piece], id) => [piece, id] as const), ...added.map(contentAndId)]);
  return {
    unknownId,
    idOf: (token) => ids.get(token),
    encode: (text) => {
      const startsThere = text === '' || normalise(String.fromCodePoint(text.codePointAt(0)!)) !== '';
      return split(normalise(text), startsThere).flatMap((word) => unigram.encode(word));
    },
  };
}

function bytePairs(
  json: object,
  { added_tokens: added, normalizer }: TokenizerFile,
  settings: TokenizerConfig,
): Pieces {
  const { vocab = {} } = (json as { readonly model: { readonly vocab?: Readonly<Record<string, number>> } }).model;
  const { specials, unknownId } = namesIn(json);
  const idOf = (token: string): number | undefined =>
    added.find(({ content }) => content === token)?.id ?? (Object.hasOwn(vocab, token) ? vocab[token] : undefined);
  const tokenizer = new Tokenizer(withUnicodeSpaces({ ...json, post_processor: null }), {});
  // SigLIP 2 was trained on small letters, and transformers' class for it sees to that whatever the file says.
  const lowers =
    settings.tokenizer_class?.startsWith('Siglip2') === true ||
    JSON.stringify(normalizer ?? null).includes('"Lowercase"');
  const lower = normaliserOf(lowers ? { type: 'Lowercase' } : null);
  return {
    unknownId,
    idOf,
    encode: (text) => {
      const spelled = asText(lower(text), specials);
      const ids = tokenizer.encode(spelled, { add_special_tokens: false }).ids as readonly (number | undefined)[];
      return ids.map((id) => id ?? unknownId ?? 0);
    },
  };
}

function contentAndId({ content, id }: { readonly content: string; readonly id: number }): readonly [string, number] {
  return [content, id];
}

interface Around {
  readonly start: readonly number[];
  readonly end: readonly number[];
}

/** `add_bos_token` and `add_eos_token` rule where one of them is given, as in transformers, else the template of `post_processor`. */
function aroundTexts({ post_processor: template }: TokenizerFile, settings: TokenizerConfig, pieces: Pieces): Around {
  const { add_bos_token: begins, add_eos_token: ends, bos_token: first, eos_token: last } = settings;
  if (typeof begins === 'boolean' || typeof ends === 'boolean') {
    return {
      start: begins === true ? [requiredId(pieces, 'bos_token', first ?? '<bos>')] : [],
      end: ends === true ? [requiredId(pieces, 'eos_token', last ?? '<eos>')] : [],
    };
  }
  if (template === null || template === undefined) return { start: [], end: [] };
  if (template.type !== 'TemplateProcessing') {
    throw new Error(`post_processor.type is "${template.type}", expected TemplateProcessing`);
  }
  return templateParts(parseFields('tokenizer.json: post_processor', template, templateProcessing));
}

const templateProcessing = z.object({
  single: z.array(
    z.union([z.object({ SpecialToken: z.object({ id: z.string() }) }), z.object({ Sequence: z.object({}) })]),
  ),
  special_tokens: z.record(z.string(), z.object({ ids: z.array(z.int().min(0)) })),
});

function templateParts({ single, special_tokens: specials }: z.infer<typeof templateProcessing>): Around {
  const at = single.findIndex((part) => 'Sequence' in part);
  const idsOf = (parts: typeof single): readonly number[] =>
    parts.flatMap((part) => ('SpecialToken' in part ? (specials[part.SpecialToken.id]?.ids ?? []) : []));
  return { start: idsOf(single.slice(0, at)), end: idsOf(single.slice(at + 1)) };
}

function paddingOf(
  settings: TokenizerConfig,
  pieces: Pieces,
): { readonly id: number; readonly side: 'left' | 'right' } {
  const name = settings.tokenizer_class ?? '';
  const isGemma = /^(?:Siglip2|Gemma)/.test(name);
  const token = settings.pad_token ?? (name.startsWith('SiglipTokenizer') ? '</s>' : '<pad>');
  return { id: requiredId(pieces, 'pad_token', token), side: settings.padding_side ?? (isGemma ? 'left' : 'right') };
}

function requiredId(pieces: Pieces, field: string, token: string): number {
  const id = pieces.idOf(token);
  if (id === undefined) throw new Error(`${field} is "${token}", which the vocabulary lacks`);
  return id;
}
