import { Tokenizer } from '@huggingface/tokenizers';

export interface TokenizedText {
  /**
   * The text's tokens between those that every text gets: at most `contextLength` ids each. Several where the text has more tokens than fit
   * into one. CLIP's are not padded, SigLIP's are.
   */
  readonly windows: readonly [Int32Array<ArrayBuffer>, ...Int32Array<ArrayBuffer>[]];
  /** Tokens of the text in each of {@link windows}. */
  readonly tokenCounts: readonly number[];
  /** The text had more tokens than {@link MOST_WINDOWS} windows hold; the rest is left out. */
  readonly truncated: boolean;
  /** Share of the tokens that stand for words which the tokenizer does not know. */
  readonly unknownShare: number;
}

/** Longer texts than these are no prompts any more. */
const MOST_WINDOWS = 8;

/** Turns texts into token ids. */
export interface ClipTokenizer {
  readonly contextLength: number;
  /** Id with which every text ends. */
  readonly endOfText: number;
  encode(text: string): TokenizedText;
}

/**
 * @param tokenizerJson parsed `tokenizer.json`
 * @param tokenizerConfig parsed `tokenizer_config.json`, or an empty object
 * @throws Error when the tokenizer does not wrap texts in start and end tokens, as every CLIP does
 */
export function clipTokenizer(tokenizerJson: object, tokenizerConfig: object, contextLength: number): ClipTokenizer {
  // Before the tokenizer is made, which takes the vocabulary out.
  const { specials, unknownId } = namesIn(tokenizerJson);
  const tokenizer = new Tokenizer(withUnicodeSpaces(tokenizerJson), tokenizerConfig);
  const lowers = JSON.stringify((tokenizerJson as { readonly normalizer?: unknown }).normalizer ?? null).includes(
    '"Lowercase"',
  );
  const empty = tokenizer.encode('').ids;
  const endOfText = empty.at(-1);
  if (endOfText === undefined || empty.length !== 2) {
    throw new Error(
      `tokenizer.json turns the empty text into ${JSON.stringify(empty)}, expected a start and an end token (a post_processor that adds both)`,
    );
  }
  return {
    contextLength,
    endOfText,
    encode: (text) => {
      // Lowercased letter by letter, as the tokenizers that models were trained with do: JavaScript writes ς at the end of a word.
      const spelled = asText(lowers ? text.replaceAll('Σ', 'σ') : text, specials);
      const known = tokenizer.encode(spelled).ids.slice(1, -1) as readonly (number | undefined)[];
      // An unknown word has no id at all where that of unknown words is 0.
      const inner = known.map((id) => id ?? unknownId ?? 0);
      return tokenizedText(inner, {
        size: contextLength - 2,
        // CLIP's own tokenizer spells every word by its bytes, and names the end of texts for what it never needs.
        unknownId: unknownId === endOfText ? null : unknownId,
        windowOf: (ids) => Int32Array.of(empty[0]!, ...ids, endOfText),
      });
    },
  };
}

export interface Windows {
  /** Tokens of a text that fit into one. */
  readonly size: number;
  /** The token of words that are not known; null: there is none. */
  readonly unknownId: number | null;
  /** One with what every text gets. */
  windowOf(ids: readonly number[]): Int32Array<ArrayBuffer>;
}

/** Cuts a text's tokens into at most {@link MOST_WINDOWS} windows. */
export function tokenizedText(tokens: readonly number[], { size, unknownId, windowOf }: Windows): TokenizedText {
  const count = Math.min(MOST_WINDOWS, Math.max(1, Math.ceil(tokens.length / size)));
  const parts = Array.from({ length: count }, (_, at) => tokens.slice(at * size, (at + 1) * size));
  const [first, ...others] = parts.map((part) => windowOf(part));
  const unknowns = tokens.filter((id) => id === unknownId).length;
  return {
    windows: [first!, ...others],
    tokenCounts: parts.map((part) => part.length),
    truncated: tokens.length > count * size,
    unknownShare: tokens.length === 0 ? 0 : unknowns / tokens.length,
  };
}

/** How byte-level tokenizers cut words where they do it themselves (GPT-2's expression). */
const BYTE_LEVEL_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/**
 * The tokenizer with its expressions as JavaScript has to have them: `\s` of the tokenizers that models were trained with is Unicode's white
 * space, JavaScript's has U+FEFF besides and lacks U+0085.
 */
export function withUnicodeSpaces(tokenizerJson: object): object {
  const { normalizer = null, pre_tokenizer: splitting = null } = tokenizerJson as {
    readonly normalizer?: unknown;
    readonly pre_tokenizer?: unknown;
  };
  const [normalises, splits] = JSON.parse(JSON.stringify([normalizer, splitting]), (key, value: unknown) =>
    key === 'Regex' ? unicodeSpaces(String(value)) : isByteLevel(value) ? wordsThenBytes(value) : value,
  ) as [unknown, unknown];
  return { ...tokenizerJson, normalizer: normalises, pre_tokenizer: splits };
}

function unicodeSpaces(expression: string): string {
  return expression.replaceAll('\\s', '\\p{White_Space}').replaceAll('\\S', '\\P{White_Space}');
}

function isByteLevel(step: unknown): step is object {
  const { type, use_regex, add_prefix_space } = (step ?? {}) as Readonly<Record<string, unknown>>;
  return type === 'ByteLevel' && use_regex !== false && add_prefix_space === false;
}

function wordsThenBytes(step: object): object {
  const words = { Regex: unicodeSpaces(BYTE_LEVEL_WORDS) };
  const split = { type: 'Split', pattern: words, behavior: 'Isolated', invert: false };
  return { type: 'Sequence', pretokenizers: [split, { ...step, use_regex: false }] };
}

/** Tokens with a meaning of their own, and the one that stands for unknown words. */
export function namesIn(tokenizerJson: object): {
  readonly specials: readonly string[];
  readonly unknownId: number | null;
} {
  const { added_tokens: added = [], model } = tokenizerJson as {
    readonly added_tokens?: readonly { readonly id: number; readonly content: string; readonly special?: boolean }[];
    readonly model?: { readonly unk_token?: string | null; readonly vocab?: Readonly<Record<string, number>> };
  };
  const specials = added.filter(({ special, content }) => special === true && content.length > 1);
  const unknown = model?.unk_token ?? '';
  const unknownId = added.find(({ content }) => content === unknown)?.id ?? model?.vocab?.[unknown] ?? null;
  return { specials: specials.map(({ content }) => content), unknownId };
}

/** What a user typed is text, also where it reads like a token that ends texts. */
export function asText(text: string, specials: readonly string[]): string {
  return specials.reduce(
    (spelled, special) => spelled.replaceAll(special, `${special.slice(0, 1)} ${special.slice(1)}`),
    text,
  );
}
