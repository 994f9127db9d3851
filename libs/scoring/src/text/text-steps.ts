import { Tokenizer } from '@huggingface/tokenizers';
import { withUnicodeSpaces } from './clip-tokenizer.js';
import { PrecompiledCharacters } from './precompiled-characters.js';

/** A part of `tokenizer.json` that says its `type`. */
interface Step {
  readonly type: string;
  readonly [field: string]: unknown;
}

type Normaliser = (text: string) => string;
/** @param isStart the piece begins where the text that was typed begins */
type Splitter = (piece: string, isStart: boolean) => readonly string[];

/**
 * What `normalizer` of `tokenizer.json` does to a text.
 * @throws Error that names a step which is not known
 */
export function normaliserOf(step: Step | null | undefined): Normaliser {
  if (step === null || step === undefined) return (text) => text;
  switch (step.type) {
    case 'Sequence': {
      const steps = (step['normalizers'] as readonly Step[]).map(normaliserOf);
      return (text) => steps.reduce((so, normalise) => normalise(so), text);
    }
    case 'Precompiled': {
      const characters = new PrecompiledCharacters(Buffer.from(String(step['precompiled_charsmap']), 'base64'));
      return (text) => characters.normalise(text);
    }
    case 'Lowercase':
      // Letter by letter, as the tokenizers that models were trained with do: JavaScript writes ς at the end of a word.
      return (text) => [...text].map((letter) => letter.toLowerCase()).join('');
    case 'Replace':
      return replacement(step);
    case 'Strip':
      return (text) => stripped(text, step);
    case 'Prepend':
      return (text) => (text === '' ? text : `${String(step['prepend'])}${text}`);
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = step.type;
      return (text) => text.normalize(form);
    }
    default:
      throw new Error(`normalizer.type is "${step.type}", which is not known`);
  }
}

/**
 * How `pre_tokenizer` of `tokenizer.json` cuts a text into words.
 * @throws Error that names a step which is not known
 */
export function splitterOf(step: Step | null | undefined): Splitter {
  if (step === null || step === undefined) return (text) => [text];
  switch (step.type) {
    case 'Sequence': {
      const steps = (step['pretokenizers'] as readonly Step[]).map(splitterOf);
      return (text, isStart) =>
        steps.reduce<readonly string[]>(
          (pieces, split) => pieces.flatMap((piece, at) => split(piece, isStart && at === 0)),
          [text],
        );
    }
    case 'WhitespaceSplit':
      return (text) => text.split(/\p{White_Space}+/u).filter((word) => word !== '');
    case 'Metaspace':
      return metaspace(step);
    default:
      throw new Error(`pre_tokenizer.type is "${step.type}", which is not known`);
  }
}

/** A pattern is one of Oniguruma's, which the library translates; its types leave out how to ask for that alone. */
function replacement(step: Step): Normaliser {
  // A dollar in it is no reference to a group.
  const content = String(step['content'] ?? '').replaceAll('$', '$$$$');
  const model = { type: 'BPE', vocab: {}, merges: [] };
  const parts = { pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [], model };
  const { normalizer } = new Tokenizer(
    withUnicodeSpaces({ ...parts, normalizer: { ...step, content } }),
    {},
  ) as unknown as {
    readonly normalizer: { normalize(text: string): string };
  };
  return (text) => normalizer.normalize(text);
}

function stripped(text: string, { strip_left: left, strip_right: right }: Step): string {
  const withoutStart = left === false ? text : text.replace(/^\p{White_Space}+/u, '');
  return right === false ? withoutStart : withoutStart.slice(0, endOfWords(withoutStart));
}

/** By hand: an expression that looks for blanks at the end begins anew at each blank before it. */
function endOfWords(text: string): number {
  let end = text.length;
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1]!)) end -= 1;
  return end;
}

/** Blanks become a mark that begins a word. */
function metaspace(step: Step): Splitter {
  const mark = String(step['replacement'] ?? '▁');
  const scheme = step['prepend_scheme'] ?? (step['add_prefix_space'] === false ? 'never' : 'always');
  return (text, isStart) => {
    const marked = text.replaceAll(' ', mark);
    const isPrefixed = scheme === 'always' || (scheme === 'first' && isStart);
    const prefixed = isPrefixed && marked !== '' && !marked.startsWith(mark) ? mark + marked : marked;
    if (step['split'] === false) return [prefixed];
    const [first, ...others] = prefixed.split(mark);
    return [first!, ...others.map((word) => mark + word)].filter((word) => word !== '');
  };
}
