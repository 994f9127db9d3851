import { attentionPooling } from '../../checkpoint/attention-pooling.js';
import type { CheckpointDescription, ImageTower } from '../../checkpoint/description.js';
import type { Tensor } from './tfjs-ops.js';
import { cutPatches, padded, patchEmbedding, type PixelBatch, type TfjsTower } from './tower-parts.js';
import {
  feedForward,
  headsOf,
  layerNorm,
  linear,
  loadBlocks,
  runBlocks,
  type LayerLoader,
  type Linear,
} from './transformer.js';

const HEAD = 'vision_model.head';

/** Patches, positions, blocks, attention pooling (Zhai et al. 2023, "Sigmoid Loss"; Zhai et al. 2022, "Scaling Vision Transformers"). */
export async function siglipImageTower(
  loader: LayerLoader,
  description: CheckpointDescription,
): Promise<TfjsTower<PixelBatch>> {
  const { tf } = loader;
  const { image } = description;
  const { width, epsilon } = image;
  const length = Math.floor(image.side / image.patch) ** 2;
  const embeddings = 'vision_model.embeddings';
  const patches = await patchEmbedding(loader, description);
  const bias = await loader.tensor(`${embeddings}.patch_embedding.bias`, [width]);
  const positions = tf.add(await loader.tensor(`${embeddings}.position_embedding.weight`, [length, width]), bias);
  const blocks = await loadBlocks(loader, 'vision_model.encoder.layers', image);
  const after = await loader.norm('vision_model.post_layernorm', width);
  const pooling = await pooler(loader, image);
  const begin = ({ pixels, count }: PixelBatch): Tensor => {
    const rows = linear(tf, cutPatches(tf, { pixels, count }, image), patches);
    return tf.add(tf.reshape(rows, [count, length, width]), positions);
  };
  return {
    embed: (batch) =>
      tf.tidy(() => {
        const hidden = runBlocks(
          tf,
          { blocks, tower: image },
          tf.tidy(() => begin(batch)),
        );
        const rows = tf.reshape(hidden, [batch.count * length, width]);
        return pooling(layerNorm(tf, rows, after, epsilon), batch.count);
      }),
  };
}

/** Tokens, positions, blocks that see everything, the last place's row, a linear map. */
export async function siglipTextTower(
  loader: LayerLoader,
  { text, dimension }: CheckpointDescription,
): Promise<TfjsTower<readonly Int32Array[]>> {
  const { tf } = loader;
  const { width, epsilon, vocabulary, contextLength: length } = text;
  const embeddings = 'text_model.embeddings';
  const tokens = await loader.tensor(`${embeddings}.token_embedding.weight`, [vocabulary, width]);
  const positions = await loader.tensor(`${embeddings}.position_embedding.weight`, [length, width]);
  const blocks = await loadBlocks(loader, 'text_model.encoder.layers', text);
  const after = await loader.norm('text_model.final_layer_norm', width);
  const head = await loader.linear('text_model.head', [width, dimension]);
  return {
    embed: (ids) =>
      tf.tidy(() => {
        const count = ids.length;
        const looked = tf.gather(tokens, tf.tensor(padded(ids, length), [count * length], 'int32'));
        const start = tf.add(tf.reshape(looked, [count, length, width]), positions);
        const hidden = runBlocks(tf, { blocks, tower: text }, start);
        const last = tf.reshape(tf.slice(hidden, [0, length - 1, 0], [count, 1, width]), [count, width]);
        return linear(tf, layerNorm(tf, last, after, epsilon), head);
      }),
  };
}

/** @returns what makes count × width of count · patches × width */
async function pooler(loader: LayerLoader, tower: ImageTower): Promise<(rows: Tensor, count: number) => Tensor> {
  const { tf } = loader;
  const { width, heads, epsilon } = tower;
  const perHead = width / heads;
  const read = await attentionPooling(loader.weights, tower);
  const linearOf = (kernel: Float32Array, bias: Float32Array): Linear => ({
    kernel: tf.tensor(kernel, [width, width], 'float32'),
    bias: tf.tensor(bias, [width], 'float32'),
  });
  const keys = linearOf(read.keyKernel, read.keyBias);
  const values = linearOf(read.valueKernel, read.valueBias);
  const query = tf.tensor(read.query, [1, heads, 1, perHead], 'float32');
  const out = await loader.linear(`${HEAD}.attention.out_proj`, [width, width]);
  const norm = await loader.norm(`${HEAD}.layernorm`, width);
  const mlp = await loader.feedForward(`${HEAD}.mlp`, tower);
  return (rows, count) => {
    const byHead = (part: Linear): Tensor => headsOf(tf, linear(tf, rows, part), { batch: count, heads, perHead });
    const queries = tf.reshape(tf.tile(query, [count, 1, 1, 1]), [count * heads, 1, perHead]);
    const shares = tf.softmax(tf.matMul(queries, byHead(keys), false, true));
    const taken = tf.reshape(tf.matMul(shares, byHead(values)), [count, width]);
    const mixed = linear(tf, taken, out);
    return tf.add(mixed, feedForward(tf, layerNorm(tf, mixed, norm, epsilon), mlp, tower.activation));
  };
}
