import { Tokenizer } from '@huggingface/tokenizers';

export interface TokenizedText {
  /**
   * Start token, text, end token: at most `contextLength` ids each, not padded. Several where the text has more tokens than fit into one.
   */
  readonly windows: readonly [Int32Array<ArrayBuffer>, ...Int32Array<ArrayBuffer>[]];
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
  const tokenizer = new Tokenizer(tokenizerJson, tokenizerConfig);
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
      // CLIP's own tokenizer spells every word by its bytes, and names the end of texts for what it never needs.
      const unknowns = unknownId === endOfText ? 0 : inner.filter((id) => id === unknownId).length;
      return {
        ...windowsOf(inner, { start: empty[0]!, end: endOfText, size: contextLength - 2 }),
        unknownShare: inner.length === 0 ? 0 : unknowns / inner.length,
      };
    },
  };
}

function windowsOf(
  inner: readonly number[],
  { start, end, size }: { readonly start: number; readonly end: number; readonly size: number },
): Pick<TokenizedText, 'windows' | 'truncated'> {
  const count = Math.min(MOST_WINDOWS, Math.max(1, Math.ceil(inner.length / size)));
  const window = (at: number): Int32Array<ArrayBuffer> =>
    Int32Array.of(start, ...inner.slice(at * size, (at + 1) * size), end);
  const others = Array.from({ length: count - 1 }, (_, index) => window(index + 1));
  return { windows: [window(0), ...others], truncated: inner.length > count * size };
}

/** Tokens with a meaning of their own, and the one that stands for unknown words. */
function namesIn(tokenizerJson: object): { readonly specials: readonly string[]; readonly unknownId: number | null } {
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
function asText(text: string, specials: readonly string[]): string {
  return specials.reduce(
    (spelled, special) => spelled.replaceAll(special, `${special.slice(0, 1)} ${special.slice(1)}`),
    text,
  );
}
