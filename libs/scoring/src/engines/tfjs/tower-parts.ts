import type { CheckpointDescription } from '../../checkpoint/description.js';
import type { Tensor, Tfjs } from './tfjs-ops.js';
import type { LayerLoader, Linear } from './transformer.js';

/** One tower on a device: embeds what it is given, not yet brought to length 1. */
export interface TfjsTower<Input> {
  /** @returns count × dimension, which the caller disposes of */
  embed(input: Input): Tensor;
}

export interface PixelBatch {
  /** `count` interleaved 8-bit RGB pictures of the model's size. */
  readonly pixels: Uint8Array;
  readonly count: number;
}

export interface TfjsTowers {
  readonly images: TfjsTower<PixelBatch>;
  readonly texts: TfjsTower<readonly Int32Array[]>;
}

/** batch · patches × patch² · 3: the convolution of CLIP has no overlap, so it is one matrix product on the cut picture. */
export function cutPatches(
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
export async function patchEmbedding(loader: LayerLoader, { image, pictures }: CheckpointDescription): Promise<Linear> {
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

/** Ids of all texts one after the other, shorter ones filled up with their last. */
export function padded(ids: readonly Int32Array[], length: number): Int32Array {
  const all = new Int32Array(ids.length * length);
  ids.forEach((row, at) => {
    all.fill(row.at(-1)!, at * length, (at + 1) * length);
    all.set(row, at * length);
  });
  return all;
}
