import { describe, expect, it } from 'vitest';
import { siglipTokenizer } from './siglip-tokenizer.js';

const pieces = ['<pad>', '</s>', '<unk>', '▁', '▁a', '▁red', '▁st', 'ar', 'a', 'r', '▁star'];
const unigram = {
  added_tokens: pieces.slice(0, 3).map((content, id) => ({ id, content, special: true })),
  normalizer: { type: 'Lowercase' },
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
    special_tokens: { '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] } },
  },
  model: { type: 'Unigram', unk_id: 2, vocab: pieces.map((piece, id) => [piece, id < 3 ? 0 : -id]) },
};
const config = { tokenizer_class: 'SiglipTokenizer', pad_token: '<pad>' };
const windows = (text: string, json: object = unigram, settings: object = config, length = 8) =>
  siglipTokenizer(json, settings, length)
    .encode(text)
    .windows.map((ids) => [...ids]);

const gemma = {
  added_tokens: ['<pad>', '<eos>', '<bos>', '<unk>'].map((content, id) => ({ id, content, special: true })),
  normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
  pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
  post_processor: null,
  decoder: null,
  model: {
    type: 'BPE',
    unk_token: '<unk>',
    fuse_unk: true,
    byte_fallback: true,
    vocab: Object.fromEntries(
      ['<pad>', '<eos>', '<bos>', '<unk>', 'a', '▁', 'b', 'ab', '▁ab', '<0xC3>', '<0xA9>'].map((token, id) => [
        token,
        id,
      ]),
    ),
    merges: [
      ['a', 'b'],
      ['▁', 'ab'],
    ],
  },
};

describe('siglipTokenizer', () => {
  it('takes the likeliest pieces, ends the text and pads it to the context', () => {
    expect(windows('A  red Star')).toEqual([[4, 3, 5, 10, 1, 0, 0, 0]]);
    expect(windows('')).toEqual([[1, 0, 0, 0, 0, 0, 0, 0]]);
  });

  it('makes one unknown of unknown letters beside each other, and says their share', () => {
    const {
      windows: [ids],
      unknownShare,
    } = siglipTokenizer(unigram, config, 8).encode('xyz a');
    expect([...ids]).toEqual([3, 2, 4, 1, 0, 0, 0, 0]);
    expect(unknownShare).toBeCloseTo(1 / 3, 9);
  });

  it('reads a token with a meaning of its own as the text that somebody typed', () => {
    expect(windows('</s>')[0]!.slice(0, 3)).toEqual([3, 2, 1]);
  });

  it('cuts long texts into windows that are padded each, and counts their tokens', () => {
    const text = siglipTokenizer(unigram, config, 4).encode('a a a a');
    expect(text.windows.map((ids) => [...ids])).toEqual([
      [4, 4, 4, 1],
      [4, 1, 0, 0],
    ]);
    expect(text).toMatchObject({ tokenCounts: [3, 1], truncated: false });
  });

  it("reads SigLIP 2's: bytes of what is unknown, the ends that the configuration asks for, the side of the padding", () => {
    const settings = { tokenizer_class: 'GemmaTokenizer', pad_token: '<pad>', eos_token: '<eos>', add_eos_token: true };
    expect(windows('ab abé', gemma, { ...settings, padding_side: 'right' })).toEqual([[7, 8, 9, 10, 1, 0, 0, 0]]);
    expect(windows('ab', gemma, settings)).toEqual([[0, 0, 0, 0, 0, 0, 7, 1]]);
    expect(windows('AB', gemma, { ...settings, tokenizer_class: 'Siglip2Tokenizer' })).toEqual([
      [0, 0, 0, 0, 0, 0, 7, 1],
    ]);
  });

  it.each([
    ['a normaliser', { ...unigram, normalizer: { type: 'Nmt' } }, config, 'normalizer.type is "Nmt"'],
    ['a splitter', { ...unigram, pre_tokenizer: { type: 'Digits' } }, config, 'pre_tokenizer.type is "Digits"'],
    ['a padding token', unigram, { pad_token: '[PAD]' }, 'pad_token is "[PAD]", which the vocabulary lacks'],
    ['an end', { ...unigram, post_processor: { type: 'ByteLevel' } }, config, 'post_processor.type is "ByteLevel"'],
  ])('refuses what it does not know: %s', (_name, json, settings, message) => {
    expect(() => siglipTokenizer(json, settings, 8)).toThrow(message);
  });
});
