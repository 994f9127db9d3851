import { Tokenizer } from '@huggingface/tokenizers';

export interface TokenizedText {
  /** Start token, text, end token: at most `contextLength` ids, not padded. */
  readonly ids: Int32Array;
  /** The text had more tokens than fit; the last id is end-of-text nevertheless. */
  readonly truncated: boolean;
}

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
      const ids = Int32Array.from(tokenizer.encode(lowers ? text.replaceAll('Σ', 'σ') : text).ids);
      if (ids.length <= contextLength) return { ids, truncated: false };
      const kept = ids.slice(0, contextLength);
      kept[contextLength - 1] = endOfText;
      return { ids: kept, truncated: true };
    },
  };
}
