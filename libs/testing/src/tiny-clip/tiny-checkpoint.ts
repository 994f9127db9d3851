import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeTinyClip } from './tiny-clip.js';

export const tinyCheckpoint = { side: 10, dimension: 6, contextLength: 10 } as const;

const TEXT_WIDTH = 16;
const IMAGE_WIDTH = 24;

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
  const { side, dimension, contextLength } = tinyCheckpoint;
  const tower = { num_hidden_layers: 2, hidden_act: options.activation ?? 'quick_gelu' };
  const config = {
    model_type: 'clip',
    projection_dim: dimension,
    text_config: {
      ...tower,
      vocab_size: 12,
      hidden_size: TEXT_WIDTH,
      intermediate_size: 24,
      num_attention_heads: 2,
      max_position_embeddings: contextLength,
      eos_token_id: 2,
    },
    vision_config: {
      ...tower,
      hidden_size: IMAGE_WIDTH,
      intermediate_size: 40,
      num_attention_heads: 3,
      image_size: side,
      patch_size: 4,
    },
  };
  const half = [0.5, 0.5, 0.5];
  const pictures = { size: side, crop_size: side, image_mean: half, image_std: half };
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  await writeFile(join(directory, 'preprocessor_config.json'), JSON.stringify(pictures));
  await writeWeights(directory, options.parts ?? 1);
}

async function writeWeights(directory: string, parts: 1 | 2): Promise<void> {
  const tensors = randomTensors();
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

function randomTensors(): readonly Tensor[] {
  let state = 7;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Object.entries(shapes())
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, shape]) => {
      const offset = name.includes('norm') && name.endsWith('weight') ? 1 : 0;
      const count = shape.reduce((product, size) => product * size, 1);
      return { name, shape, data: Float32Array.from({ length: count }, () => next() + offset) };
    });
}

function shapes(): Readonly<Record<string, readonly number[]>> {
  const { dimension, contextLength } = tinyCheckpoint;
  return {
    'text_model.embeddings.token_embedding.weight': [12, TEXT_WIDTH],
    'text_model.embeddings.position_embedding.weight': [contextLength, TEXT_WIDTH],
    ...normShapes('text_model.final_layer_norm', TEXT_WIDTH),
    ...layerShapes('text_model.encoder.layers.0', TEXT_WIDTH, 24),
    ...layerShapes('text_model.encoder.layers.1', TEXT_WIDTH, 24),
    'text_projection.weight': [dimension, TEXT_WIDTH],
    'vision_model.embeddings.class_embedding': [IMAGE_WIDTH],
    'vision_model.embeddings.patch_embedding.weight': [IMAGE_WIDTH, 3, 4, 4],
    'vision_model.embeddings.position_embedding.weight': [5, IMAGE_WIDTH],
    ...normShapes('vision_model.pre_layrnorm', IMAGE_WIDTH),
    ...layerShapes('vision_model.encoder.layers.0', IMAGE_WIDTH, 40),
    ...layerShapes('vision_model.encoder.layers.1', IMAGE_WIDTH, 40),
    ...normShapes('vision_model.post_layernorm', IMAGE_WIDTH),
    'visual_projection.weight': [dimension, IMAGE_WIDTH],
  };
}

function layerShapes(name: string, width: number, mlpWidth: number): Readonly<Record<string, readonly number[]>> {
  const attention = ['k', 'out', 'q', 'v'].flatMap((part) =>
    linearShapes(`${name}.self_attn.${part}_proj`, width, width),
  );
  const mlp = [
    ...linearShapes(`${name}.mlp.fc1`, mlpWidth, width),
    ...linearShapes(`${name}.mlp.fc2`, width, mlpWidth),
  ];
  const norms = { ...normShapes(`${name}.layer_norm1`, width), ...normShapes(`${name}.layer_norm2`, width) };
  return { ...Object.fromEntries([...attention, ...mlp]), ...norms };
}

function linearShapes(
  name: string,
  outputs: number,
  inputs: number,
): readonly (readonly [string, readonly number[]])[] {
  return [
    [`${name}.weight`, [outputs, inputs]],
    [`${name}.bias`, [outputs]],
  ];
}

function normShapes(name: string, width: number): Readonly<Record<string, readonly number[]>> {
  return { [`${name}.weight`]: [width], [`${name}.bias`]: [width] };
}

function safetensors(tensors: readonly Tensor[]): Buffer {
  let at = 0;
  const header: Record<string, object> = {};
  for (const { name, shape, data } of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [at, (at += data.byteLength)] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([prefix, json, ...tensors.map(({ data }) => Buffer.from(data.buffer))]);
}
