import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  clipTensors,
  countOf,
  safetensorsHeader,
  siglipTensors,
  type ClipSizes,
  type TensorShapes,
} from './clip-tensors.js';
import { writeTinyClip } from './tiny-clip.js';

export const tinyCheckpoint = { side: 10, dimension: 6, contextLength: 10 } as const;

const { side, dimension, contextLength } = tinyCheckpoint;
const SIZES: ClipSizes = {
  dimension,
  image: { width: 24, mlpWidth: 40, layers: 2, side, patch: 4 },
  text: { width: 16, mlpWidth: 24, layers: 2, vocabulary: 12, contextLength },
};

export interface TinyCheckpointOptions {
  /** transformers' name. Default `quick_gelu`. */
  readonly activation?: string;
  /** In how many files the weights are. Default 1. */
  readonly parts?: 1 | 2;
}

/**
 * Writes a CLIP of two small transformer towers with random weights and without graphs, as transformers would: 10 px pictures in patches of
 * 4 px, two layers each, the tokenizer of {@link writeTinyClip}. `tools/agreement/tiny_checkpoint.py` computes the same in PyTorch.
 */
export async function writeTinyCheckpoint(directory: string, options: TinyCheckpointOptions = {}): Promise<void> {
  await writeTinyClip(directory);
  const old = ['onnx', 'heads', 'prompt.json', 'model.safetensors'];
  await Promise.all(old.map((name) => rm(join(directory, name), { recursive: true })));
  const { image, text } = SIZES;
  const hidden_act = options.activation ?? 'quick_gelu';
  const config = {
    model_type: 'clip',
    projection_dim: dimension,
    text_config: {
      num_hidden_layers: text.layers,
      hidden_act,
      vocab_size: text.vocabulary,
      hidden_size: text.width,
      intermediate_size: text.mlpWidth,
      num_attention_heads: 2,
      max_position_embeddings: contextLength,
      eos_token_id: 2,
    },
    vision_config: {
      num_hidden_layers: image.layers,
      hidden_act,
      hidden_size: image.width,
      intermediate_size: image.mlpWidth,
      num_attention_heads: 3,
      image_size: side,
      patch_size: image.patch,
    },
  };
  const half = [0.5, 0.5, 0.5];
  const pictures = { size: side, crop_size: side, image_mean: half, image_std: half };
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  await writeFile(join(directory, 'preprocessor_config.json'), JSON.stringify(pictures));
  await writeWeights(directory, clipTensors(SIZES), options.parts ?? 1);
}

const SIGLIP_SIZES: ClipSizes = {
  dimension: 24,
  image: { width: 24, mlpWidth: 40, layers: 2, side, patch: 4 },
  text: { width: 16, mlpWidth: 24, layers: 2, vocabulary: 12, contextLength },
};
/** Beginning with those of sentencepiece: padding, end of text, unknown. */
const PIECES = ['<pad>', '</s>', '<unk>', '▁', '▁a', '▁picture', '▁of', '▁red', '▁star', '▁circle', 's', '▁small'];

export const tinySiglip = { side, dimension: SIGLIP_SIZES.dimension, contextLength, pieces: PIECES } as const;

/** As {@link writeTinyCheckpoint}, of a SigLIP. */
export async function writeTinySiglip(directory: string): Promise<void> {
  const { image, text, dimension: projection_size } = SIGLIP_SIZES;
  const config = {
    model_type: 'siglip',
    text_config: {
      num_hidden_layers: text.layers,
      vocab_size: text.vocabulary,
      hidden_size: text.width,
      intermediate_size: text.mlpWidth,
      num_attention_heads: 2,
      max_position_embeddings: contextLength,
      projection_size,
    },
    vision_config: {
      num_hidden_layers: image.layers,
      hidden_size: image.width,
      intermediate_size: image.mlpWidth,
      num_attention_heads: 3,
      image_size: side,
      patch_size: image.patch,
    },
  };
  const files = {
    'config.json': config,
    'preprocessor_config.json': { size: { height: side, width: side } },
    'tokenizer.json': unigramTokenizer(),
    'tokenizer_config.json': { tokenizer_class: 'SiglipTokenizer', pad_token: '<pad>' },
  };
  await mkdir(directory, { recursive: true });
  await Promise.all(
    Object.entries(files).map(([name, content]) => writeFile(join(directory, name), JSON.stringify(content))),
  );
  await writeWeights(directory, siglipTensors(SIGLIP_SIZES), 1);
}

function unigramTokenizer(): object {
  return {
    version: '1.0',
    added_tokens: PIECES.slice(0, 3).map((content, id) => ({ id, content, special: true })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Lowercase' },
        { type: 'Replace', pattern: { Regex: '[!-/:-@\\[-`{-~]' }, content: '' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Strip', strip_left: true, strip_right: true },
      ],
    },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
      pair: [],
      special_tokens: { '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] } },
    },
    decoder: null,
    model: { type: 'Unigram', unk_id: 2, vocab: PIECES.map((piece, id) => [piece, id < 3 ? 0 : -2 - id / 10]) },
  };
}

async function writeWeights(directory: string, shapes: TensorShapes, parts: 1 | 2): Promise<void> {
  const tensors = randomTensors(shapes);
  if (parts === 1) return writeFile(join(directory, 'model.safetensors'), safetensors(tensors));
  const weightMap: Record<string, string> = {};
  for (const part of [0, 1]) {
    const file = `model-0000${part + 1}-of-00002.safetensors`;
    const mine = tensors.filter((_, index) => index % 2 === part);
    for (const { name } of mine) weightMap[name] = file;
    await writeFile(join(directory, file), safetensors(mine));
  }
  await writeFile(join(directory, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
}

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

function randomTensors(shapes: TensorShapes): readonly Tensor[] {
  let state = 7;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return shapes
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, shape]) => {
      const offset = name.includes('norm') && name.endsWith('weight') ? 1 : 0;
      return { name, shape, data: Float32Array.from({ length: countOf(shape) }, () => next() + offset) };
    });
}

function safetensors(tensors: readonly Tensor[]): Buffer {
  return Buffer.concat([
    safetensorsHeader(tensors.map(({ name, shape }) => [name, shape])),
    ...tensors.map(({ data }) => Buffer.from(data.buffer)),
  ]);
}
