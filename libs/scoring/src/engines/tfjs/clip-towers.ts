import type { CheckpointDescription } from '../../checkpoint/description.js';
import type { Weights } from '../../checkpoint/open-weights.js';
import type { Tensor, Tfjs } from './tfjs-ops.js';
import { layerNorm, LayerLoader, linear, loadBlocks, runBlocks, type Linear } from './transformer.js';

/** Before the softmax: as good as nothing after it, and no infinity that could meet another one. */
const MASKED = -1e9;

/** One tower on a device: embeds what it is given, not yet brought to length 1. */
export interface ClipTower<Input> {
  /** @returns count × dimension, which the caller disposes of */
  embed(input: Input): Tensor;
}

export interface PixelBatch {
  /** `count` interleaved 8-bit RGB pictures of the model's size. */
  readonly pixels: Uint8Array;
  readonly count: number;
}

export interface ClipTowers {
  readonly images: ClipTower<PixelBatch>;
  readonly texts: ClipTower<readonly Int32Array[]>;
}

/** Puts both towers of a checkpoint on the device. */
export async function loadClipTowers(
  tf: Tfjs,
  weights: Pick<Weights, 'readTensor'>,
  description: CheckpointDescription,
): Promise<ClipTowers> {
  const loader = new LayerLoader(tf, weights);
  return { images: await imageTower(loader, description), texts: await textTower(loader, description) };
}

/** Patches, class token, positions, blocks, the class token's row, projection (Radford et al. 2021; Dosovitskiy et al. 2021). */
async function imageTower(loader: LayerLoader, description: CheckpointDescription): Promise<ClipTower<PixelBatch>> {
  const { tf } = loader;
  const { image, dimension } = description;
  const { width, epsilon } = image;
  const length = Math.floor(image.side / image.patch) ** 2 + 1;
  const embeddings = 'vision_model.embeddings';
  const patches = await patchEmbedding(loader, description);
  const classToken = tf.reshape(await loader.tensor(`${embeddings}.class_embedding`, [width]), [1, 1, width]);
  const positions = await loader.tensor(`${embeddings}.position_embedding.weight`, [length, width]);
  const before = await loader.norm('vision_model.pre_layrnorm', width);
  const blocks = await loadBlocks(loader, 'vision_model.encoder.layers', image);
  const after = await loader.norm('vision_model.post_layernorm', width);
  const projection = { kernel: await loader.kernel('visual_projection', [width, dimension]) };
  const begin = ({ pixels, count }: PixelBatch): Tensor => {
    const tokens = tf.reshape(linear(tf, cutPatches(tf, { pixels, count }, image), patches), [
      count,
      length - 1,
      width,
    ]);
    const all = tf.add(tf.concat([tf.tile(classToken, [count, 1, 1]), tokens], 1), positions);
    const rows = layerNorm(tf, tf.reshape(all, [count * length, width]), before, epsilon);
    return tf.reshape(rows, [count, length, width]);
  };
  return {
    embed: (batch) =>
      tf.tidy(() => {
        const hidden = runBlocks(
          tf,
          { blocks, tower: image },
          tf.tidy(() => begin(batch)),
        );
        const pooled = tf.reshape(tf.slice(hidden, [0, 0, 0], [batch.count, 1, width]), [batch.count, width]);
        return linear(tf, layerNorm(tf, pooled, after, epsilon), projection);
      }),
  };
}

/** batch · patches × patch² · 3: the convolution of CLIP has no overlap, so it is one matrix product on the cut picture. */
function cutPatches(
  tf: Tfjs,
  { pixels, count }: PixelBatch,
  { side, patch }: { readonly side: number; readonly patch: number },
): Tensor {
  const across = Math.floor(side / patch);
  const used = across * patch;
  const picture = tf.tensor(new Float32Array(pixels), [count, side, side, 3], 'float32');
  const covered = used === side ? picture : tf.slice(picture, [0, 0, 0, 0], [count, used, used, 3]);
  const rows = tf.reshape(covered, [count * across, patch, across, patch * 3]);
  return tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), [count * across ** 2, patch ** 2 * 3]);
}

/**
 * The patch convolution with the normalisation of the pixels inside, so that bytes go in as they are: with w the stored kernel,
 * w · (rescale · p − mean) / deviation = (w · rescale / deviation) · p − w · (mean / deviation).
 */
async function patchEmbedding(loader: LayerLoader, { image, pictures }: CheckpointDescription): Promise<Linear> {
  const { tf } = loader;
  const { width, patch } = image;
  const { rescale, mean, deviation } = pictures;
  const inputs = patch ** 2 * 3;
  const stored = await loader.tensor('vision_model.embeddings.patch_embedding.weight', [width, 3, patch, patch]);
  const perInput = (of: (channel: number) => number): Tensor =>
    tf.tensor(
      Array.from({ length: inputs }, (_, at) => of(at % 3)),
      [inputs, 1],
      'float32',
    );
  const folded = tf.tidy(() => {
    const kernel = tf.reshape(tf.transpose(stored, [2, 3, 1, 0]), [inputs, width]);
    const scale = perInput((channel) => rescale / deviation[channel]!);
    const shift = perInput((channel) => -mean[channel]! / deviation[channel]!);
    return { kernel: tf.mul(kernel, scale), bias: tf.sum(tf.mul(kernel, shift), 0) };
  });
  stored.dispose();
  return folded;
}

/** Tokens, positions, causal blocks, the row of the first end-of-text, projection. */
async function textTower(
  loader: LayerLoader,
  { text, dimension }: CheckpointDescription,
): Promise<ClipTower<readonly Int32Array[]>> {
  const { tf } = loader;
  const { width, epsilon, vocabulary, contextLength, endOfText } = text;
  const embeddings = 'text_model.embeddings';
  const tokens = await loader.tensor(`${embeddings}.token_embedding.weight`, [vocabulary, width]);
  const positions = await loader.tensor(`${embeddings}.position_embedding.weight`, [contextLength, width]);
  const blocks = await loadBlocks(loader, 'text_model.encoder.layers', text);
  const after = await loader.norm('text_model.final_layer_norm', width);
  const projection = { kernel: await loader.kernel('text_projection', [width, dimension]) };
  return {
    embed: (ids) =>
      tf.tidy(() => {
        const count = ids.length;
        const length = Math.max(...ids.map((row) => row.length));
        const looked = tf.gather(tokens, tf.tensor(padded(ids, length), [count * length], 'int32'));
        const start = tf.add(tf.reshape(looked, [count, length, width]), tf.slice(positions, [0, 0], [length, width]));
        const hidden = runBlocks(tf, { blocks, tower: text, mask: causalMask(tf, length) }, start);
        const ends = ids.map((row, at) => at * length + endOf(row, endOfText));
        const pooled = tf.gather(tf.reshape(hidden, [count * length, width]), tf.tensor(ends, [count], 'int32'));
        return linear(tf, layerNorm(tf, pooled, after, epsilon), projection);
      }),
  };
}

function endOf(row: Int32Array, endOfText: number): number {
  const at = row.indexOf(endOfText);
  return at === -1 ? row.length - 1 : at;
}

function padded(ids: readonly Int32Array[], length: number): Int32Array {
  const all = new Int32Array(ids.length * length);
  ids.forEach((row, at) => {
    all.fill(row.at(-1)!, at * length, (at + 1) * length);
    all.set(row, at * length);
  });
  return all;
}

function causalMask(tf: Tfjs, length: number): Tensor {
  const mask = new Float32Array(length * length);
  for (let from = 0; from < length; from += 1) mask.fill(MASKED, from * length + from + 1, (from + 1) * length);
  return tf.tensor(mask, [length, length], 'float32');
}
