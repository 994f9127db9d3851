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

/** The image tower of a CLIP: uint8 `pixels` [batch, side, side, 3] to the L2-normalised `embedding`. */
export function clipImageGraph(source: TowerSource): TowerGraph {
  const { description, weights, precision } = source;
  const { image, dimension } = description;
  const { width } = image;
  const graph = new GraphBuilder(precision);
  const layers = new TowerLayers(graph, weights, image);
  const patches = Math.floor(image.side / image.patch) ** 2;
  const tokens = patches + 1;

  const sequence = graph.add('Reshape', [patchRows(graph, source), graph.integers([-1, patches, width])]);
  // A row of zeros in front takes the class embedding, which is stored with the first position.
  const withClass = graph.add('Pad', [sequence, graph.integers([0, 1, 0, 0, 0, 0])]);
  const placed = graph.add('Add', [withClass, positions(graph, weights, { tokens, width })]);
  const rows = graph.add('Reshape', [placed, graph.integers([-1, width])]);

  const sequences = graph.integers([-1, tokens, width]);
  const hidden = layers.encoder(layers.norm(rows, 'vision_model.pre_layrnorm'), 'vision_model.encoder.layers', {
    sequences,
    isCausal: false,
  });
  const first = graph.add('Gather', [graph.add('Reshape', [hidden, sequences]), graph.integers([0], [])], { axis: 1 });
  const pooled = layers.norm(first, 'vision_model.post_layernorm');
  unitLength(graph, layers.projection(pooled, 'visual_projection.weight', [dimension, width]));
  return imageGraphOf(graph, description);
}

/** The text tower of a CLIP: int64 `input_ids` [batch, length], any length up to the context's, to the L2-normalised `embedding`. */
export function clipTextGraph({ description, weights, precision }: TowerSource): TowerGraph {
  const { text, dimension } = description;
  const graph = new GraphBuilder(precision);
  const layers = new TowerLayers(graph, weights, text);

  const { rows, sequences } = tokenRows(graph, layers, description);
  const hidden = layers.encoder(rows, 'text_model.encoder.layers', { sequences, isCausal: true });

  const isEnd = graph.cast(graph.add('Equal', ['input_ids', graph.integers([text.endOfText], [])]), 'float32');
  // The first one: texts are padded with it.
  const end = graph.add('ArgMax', [isEnd], { axis: 1, keepdims: 1 });
  const last = graph.add('GatherND', [graph.add('Reshape', [hidden, sequences]), end], { batch_dims: 1 });
  const pooled = layers.norm(last, 'text_model.final_layer_norm');
  unitLength(graph, layers.projection(pooled, 'text_projection.weight', [dimension, text.width]));
  return textGraphOf(graph, description, 'length');
}

function positions(
  graph: GraphBuilder,
  weights: Weights,
  { tokens, width }: { readonly tokens: number; readonly width: number },
): string {
  return graph.weight({
    name: 'vision_model.embeddings.positions',
    shape: [tokens, width],
    read: async () => {
      const table = await weights.readTensor('vision_model.embeddings.position_embedding.weight', [tokens, width]);
      const classToken = await weights.readTensor('vision_model.embeddings.class_embedding', [width]);
      classToken.forEach((value, index) => (table[index] = table[index]! + value));
      return table;
    },
  });
}
