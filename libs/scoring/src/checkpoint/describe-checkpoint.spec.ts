import { describe, expect, it } from 'vitest';
import type { Family } from './description.js';
import { siglipConfigOf } from './siglip-towers.js';
import { clipConfigOf } from './towers.js';
import { pictureStepsOf } from './picture-steps.js';
import { tokenizerFromVocabulary } from './tokenizer-from-vocabulary.js';
import { clipTokenizer } from '../text/clip-tokenizer.js';

const siglip = (content: object) => siglipConfigOf('config.json', { model_type: 'siglip', ...content });
const config = (content: object) => clipConfigOf('config.json', { model_type: 'clip', ...content });
const steps = (content: object, family: Family = 'clip') =>
  pictureStepsOf('preprocessor_config.json', content, { family, side: 224 });

describe('clipConfigOf', () => {
  it('fills in what transformers leaves out of the file of ViT-B/32', () => {
    const expected = {
      name: null,
      dimension: 512,
      image: {
        width: 768,
        mlpWidth: 3072,
        layers: 12,
        heads: 12,
        activation: 'quick-gelu',
        epsilon: 1e-5,
        side: 224,
        patch: 32,
      },
      text: {
        width: 512,
        mlpWidth: 2048,
        layers: 12,
        heads: 8,
        activation: 'quick-gelu',
        epsilon: 1e-5,
        vocabulary: 49_408,
        contextLength: 77,
      },
      endOfText: null,
    };
    expect(config({})).toEqual(expected);
    const written = {
      text_config: { model_type: 'clip_text_model' },
      vision_config: { model_type: 'clip_vision_model' },
    };
    expect(config({ ...written, projection_dim: 512, transformers_version: '4.40.2' })).toEqual(expected);
  });

  it('lets the older text_config_dict win, with its own defaults, as transformers does', () => {
    const { text, image } = config({
      text_config: { hidden_size: 1024, num_attention_heads: 16, hidden_act: 'quick_gelu', intermediate_size: 4096 },
      text_config_dict: { hidden_size: 1024, num_attention_heads: 16, hidden_act: 'gelu' },
      vision_config_dict: null,
      vision_config: { hidden_act: 'gelu', image_size: [336, 336], patch_size: 14 },
    });
    expect([text.width, text.activation, text.mlpWidth]).toEqual([1024, 'gelu', 2048]);
    expect([image.activation, image.side, image.patch]).toEqual(['gelu', 336, 14]);
  });

  it.each([
    ['2 of old files', 2, null],
    ['null', null, null],
    ['a list', [40, 41], [40, 41]],
  ])('reads eos_token_id: %s', (_name, value, expected) => {
    expect(config({ text_config: { eos_token_id: value } }).endOfText).toEqual(expected);
  });

  it.each([
    ['another architecture', { model_type: 'blip' }, 'model_type'],
    [
      'an activation',
      { vision_config: { hidden_act: 'relu' } },
      'vision_config.hidden_act is "relu", expected one of gelu',
    ],
    [
      'heads',
      { text_config: { num_attention_heads: 7 } },
      'text_config.num_attention_heads is 7, expected a divisor of',
    ],
    ['channels', { vision_config: { num_channels: 4 } }, 'vision_config.num_channels is 4, expected 3'],
    ['a rectangle', { vision_config: { image_size: [224, 336] } }, 'vision_config.image_size is [224,336]'],
    ['a wrong type', { vision_config: { hidden_size: '768' } }, 'vision_config: hidden_size'],
    ['quantised weights', { quantization_config: { bits: 8 } }, 'quantization_config'],
  ])('refuses what can not be honoured: %s', (_name, content, message) => {
    expect(() => config(content)).toThrow(message);
  });
});

describe('siglipConfigOf', () => {
  it('fills in what transformers leaves out of the file of the base model', () => {
    const tower = { width: 768, mlpWidth: 3072, layers: 12, heads: 12, activation: 'gelu-tanh', epsilon: 1e-6 };
    expect(siglip({})).toEqual({
      name: null,
      dimension: 768,
      image: { ...tower, side: 224, patch: 16 },
      text: { ...tower, vocabulary: 32_000, contextLength: 64 },
      endOfText: null,
    });
  });

  it.each([
    ['a picture without its head', { vision_config: { vision_use_head: false } }, 'vision_use_head'],
    ['embeddings of two lengths', { text_config: { projection_size: 512 } }, 'text_config.projection_size is 512'],
    ['pictures in their own shape', { model_type: 'siglip2' }, 'model_type'],
  ])('refuses %s', (_name, content, message) => {
    expect(() => siglip(content)).toThrow(message);
  });
});

describe('pictureStepsOf', () => {
  it('fills in the defaults of SiglipImageProcessor, where transformers 5 leaves them to the class', () => {
    expect(steps({ do_center_crop: null, crop_size: null }, 'siglip')).toEqual({
      resize: { kind: 'squash', edge: 224 },
      kernel: 'bicubic',
      side: 224,
      offsets: 'floor',
      rescale: 1 / 255,
      mean: [0.5, 0.5, 0.5],
      deviation: [0.5, 0.5, 0.5],
    });
  });

  it('reads borders and rounding, which transformers has no words for', () => {
    expect(steps({ teststrip: { resize: 'letterbox', offsets: 'half-even' } })).toMatchObject({
      resize: { kind: 'letterbox', edge: 224 },
      offsets: 'half-even',
    });
    expect(() => steps({ teststrip: { resize: 'stretch' } })).toThrow('teststrip.resize');
  });

  it('fills in the defaults of CLIPImageProcessor', () => {
    expect(steps({})).toEqual({
      resize: { kind: 'crop', edge: 224 },
      kernel: 'bicubic',
      side: 224,
      offsets: 'floor',
      rescale: 1 / 255,
      mean: [0.48145466, 0.4578275, 0.40821073],
      deviation: [0.26862954, 0.26130258, 0.27577711],
    });
  });

  it.each([
    ['numbers of before transformers 4.20', { size: 224, crop_size: 224 }, { kind: 'crop', edge: 224 }],
    ['a crop of a larger resize', { size: { shortest_edge: 256 } }, { kind: 'crop', edge: 256 }],
    [
      'a square without crop',
      { do_center_crop: false, size: { height: 224, width: 224 } },
      { kind: 'squash', edge: 224 },
    ],
    ['the crop of a square', { size: { height: 256, width: 256 } }, { kind: 'squash', edge: 256 }],
  ])('reads the resize: %s', (_name, content, expected) => {
    expect(steps(content).resize).toEqual(expected);
  });

  it('takes nothing off where normalisation and rescaling are switched off', () => {
    expect(steps({ do_normalize: false, do_rescale: false, resample: 2 })).toMatchObject({
      kernel: 'bilinear',
      rescale: 1,
      mean: [0, 0, 0],
      deviation: [1, 1, 1],
    });
  });

  it.each([
    ['resample', { resample: 0 }, 'resample is 0, expected one of 1 (lanczos)'],
    ['do_resize', { do_resize: false }, 'do_resize is false'],
    ['crop_size', { crop_size: 256 }, 'crop_size is 256, expected 224 × 224'],
    ['no crop of a shortest edge', { do_center_crop: false }, 'do_center_crop is false'],
    ['a square that is no square', { size: { height: 224, width: 448 } }, 'size is {"height":224,"width":448}'],
    ['a crop larger than the picture', { size: 200 }, 'size is 200, expected at least the crop'],
    ['padding', { do_pad: true }, 'do_pad'],
    ['a longest edge', { size: { shortest_edge: 224, longest_edge: 300 } }, 'size'],
  ])('refuses what can not be honoured: %s', (_name, content, message) => {
    expect(() => steps(content)).toThrow(message);
  });
});

describe('tokenizerFromVocabulary', () => {
  it('joins pairs in the order of merges.txt, ends words, and wraps the text', () => {
    const vocab = Object.fromEntries(
      ['a', 'b', 'a</w>', 'b</w>', 'ab</w>', 'ba', '<|startoftext|>', '<|endoftext|>'].map((token, id) => [token, id]),
    );
    const json = tokenizerFromVocabulary('vocab.json', vocab, '#version: 0.2\na b</w>\nb a\n');
    const tokenizer = clipTokenizer(json, {}, 77);
    expect([...tokenizer.encode('AB  ba bab').windows[0]]).toEqual([6, 4, 5 - 4, 2, 1, 4, 7]);
    expect(tokenizer.endOfText).toBe(7);
  });

  it('lowers letter by letter: a sigma at the end of a word is the same letter as inside', () => {
    const tokens = ['Ïĥ</w>', 'Ïĥ', 'ÏĤ</w>', 'Ï', 'ĥ</w>', 'Ĥ</w>', '<|startoftext|>', '<|endoftext|>'];
    const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
    const json = tokenizerFromVocabulary('vocab.json', vocab, '#version: 0.2\nÏ ĥ</w>\nÏ Ĥ</w>\n');
    const { encode } = clipTokenizer(json, {}, 77);
    expect([...encode('\u{3a3}').windows[0]]).toEqual([...encode('\u{3c3}').windows[0]]);
    expect([...encode('A\u{3a3}').windows[0]].at(-2)).toBe([...encode('a\u{3c3}').windows[0]].at(-2));
  });

  it('refuses a vocabulary without special tokens', () => {
    expect(() => tokenizerFromVocabulary('vocab.json', { a: 0 }, '')).toThrow('<|startoftext|> is null');
  });
});
