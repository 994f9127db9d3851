import { attentionPooling, type AttentionPooling } from '../checkpoint/attention-pooling.js';
import type { ImageTower } from '../checkpoint/description.js';
import type { Weights } from '../checkpoint/open-weights.js';
import { GraphBuilder } from './graph-builder.js';
import { TowerLayers } from './tower-layers.js';
import {
  imageGraphOf,
  patchRows,
  textGraphOf,
  tokenRows,
  unitLength,
  type TowerGraph,
  type TowerSource,
} from './tower-parts.js';

const HEAD = 'vision_model.head';

/** The image tower of a SigLIP: uint8 `pixels` [batch, side, side, 3] to the L2-normalised `embedding`, which nothing projects. */
export function siglipImageGraph(source: TowerSource): TowerGraph {
  const { description, weights, precision } = source;
  const { image } = description;
  const { width } = image;
  const graph = new GraphBuilder(precision);
  const layers = new TowerLayers(graph, weights, image);
  const patches = Math.floor(image.side / image.patch) ** 2;

  const sequences = graph.integers([-1, patches, width]);
  const sequence = graph.add('Reshape', [patchRows(graph, source), sequences]);
  const placed = graph.add('Add', [sequence, positions(graph, weights, { patches, width })]);
  const rows = graph.add('Reshape', [placed, graph.integers([-1, width])]);
  const hidden = layers.encoder(rows, 'vision_model.encoder.layers', { sequences, isCausal: false });
  const normed = layers.norm(hidden, 'vision_model.post_layernorm');
  const attended = pooled(graph, weights, { rows: normed, tower: image, patches });
  const mixed = layers.linear(attended, `${HEAD}.attention.out_proj`, [width, width]);
  const widened = layers.feedForward(layers.norm(mixed, `${HEAD}.layernorm`), `${HEAD}.mlp`);
  unitLength(graph, graph.add('Add', [mixed, widened]));
  return imageGraphOf(graph, description);
}

/** The text tower of a SigLIP: int64 `input_ids` [batch, context length], padded, to the L2-normalised `embedding`. */
export function siglipTextGraph({ description, weights, precision }: TowerSource): TowerGraph {
  const { text, dimension } = description;
  const { width, contextLength } = text;
  const graph = new GraphBuilder(precision);
  const layers = new TowerLayers(graph, weights, text);

  const { rows, sequences } = tokenRows(graph, layers, description);
  const hidden = layers.encoder(rows, 'text_model.encoder.layers', { sequences, isCausal: false });
  const whole = graph.add('Reshape', [hidden, sequences]);
  const last = graph.add('Gather', [whole, graph.integers([contextLength - 1], [])], { axis: 1 });
  const normed = layers.norm(last, 'text_model.final_layer_norm');
  unitLength(graph, layers.linear(normed, 'text_model.head', [dimension, width]));
  return textGraphOf(graph, description, contextLength);
}

/** The places' embeddings, with the patch embedding's bias in each. */
function positions(
  graph: GraphBuilder,
  weights: Weights,
  { patches, width }: { readonly patches: number; readonly width: number },
): string {
  return graph.weight({
    name: 'vision_model.embeddings.positions',
    shape: [patches, width],
    read: async () => {
      const table = await weights.readTensor('vision_model.embeddings.position_embedding.weight', [patches, width]);
      const bias = await weights.readTensor('vision_model.embeddings.patch_embedding.bias', [width]);
      return table.map((value, at) => value + bias[at % width]!);
    },
  });
}

interface PooledRows {
  /** [batch × patches, width] */
  readonly rows: string;
  readonly tower: ImageTower;
  readonly patches: number;
}

/** What one query, the same for every picture, takes out of its patches: [batch, width]. */
function pooled(graph: GraphBuilder, weights: Weights, { rows, tower, patches }: PooledRows): string {
  const { width, heads } = tower;
  const perHead = width / heads;
  // One read gives all of them: the first whose turn comes reads.
  let reading: Promise<AttentionPooling> | undefined;
  const part = (name: keyof AttentionPooling, shape: readonly number[]): string =>
    graph.weight({
      name: `${HEAD}.${name}`,
      shape,
      read: async () => (await (reading ??= attentionPooling(weights, tower)))[name],
    });
  const split = graph.integers([-1, patches, heads, perHead]);
  const keys = graph.add('Gemm', [rows, part('keyKernel', [width, width]), part('keyBias', [width])]);
  const values = graph.add('Gemm', [rows, part('valueKernel', [width, width]), part('valueBias', [width])]);
  const turnedKeys = graph.add('Transpose', [graph.add('Reshape', [keys, split])], { perm: [0, 2, 3, 1] });
  const turnedValues = graph.add('Transpose', [graph.add('Reshape', [values, split])], { perm: [0, 2, 1, 3] });
  const scores = graph.add('MatMul', [part('query', [1, heads, 1, perHead]), turnedKeys]);
  const shares = graph.add('Softmax', [scores], { axis: -1 });
  const taken = graph.add('MatMul', [shares, turnedValues]);
  return graph.add('Reshape', [taken, graph.integers([-1, width])]);
}
