import type { CheckpointDescription } from '../../checkpoint/description.js';
import type { Tensor, Tfjs } from './tfjs-ops.js';
import { cutPatches, padded, patchEmbedding, type PixelBatch, type TfjsTower } from './tower-parts.js';
import { layerNorm, linear, loadBlocks, runBlocks, type LayerLoader } from './transformer.js';

/** Before the softmax: as good as nothing after it, and no infinity that could meet another one. */
const MASKED = -1e9;

/** Patches, class token, positions, blocks, the class token's row, projection (Radford et al. 2021; Dosovitskiy et al. 2021). */
export async function clipImageTower(
  loader: LayerLoader,
  description: CheckpointDescription,
): Promise<TfjsTower<PixelBatch>> {
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

/** Tokens, positions, causal blocks, the row of the first end-of-text, projection. */
export async function clipTextTower(
  loader: LayerLoader,
  { text, dimension }: CheckpointDescription,
): Promise<TfjsTower<readonly Int32Array[]>> {
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

function causalMask(tf: Tfjs, length: number): Tensor {
  const mask = new Float32Array(length * length);
  for (let from = 0; from < length; from += 1) mask.fill(MASKED, from * length + from + 1, (from + 1) * length);
  return tf.tensor(mask, [length, length], 'float32');
}
