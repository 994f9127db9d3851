import type { CheckpointDescription } from '../checkpoint/description.js';
import type { Weights } from '../checkpoint/open-weights.js';
import { GraphBuilder, type EnginePrecision, type GraphValue } from './graph-builder.js';
import { TowerLayers } from './tower-layers.js';

/** A tower as an ONNX graph whose constants have not been read yet. */
export interface TowerGraph {
  readonly builder: GraphBuilder;
  readonly input: GraphValue;
  readonly output: GraphValue;
}

interface Source {
  readonly description: CheckpointDescription;
  readonly weights: Weights;
  readonly precision: EnginePrecision;
}

/**
 * The image tower of a CLIP: uint8 `pixels` [batch, side, side, 3] to the L2-normalised `embedding`. Normalisation is inside, and in single
 * precision whatever the tower computes in. Patches are cut by reshaping, so that embedding them is a matrix product.
 */
export function imageGraph({ description, weights, precision }: Source): TowerGraph {
  const { image, dimension, pictures } = description;
  const { side, patch, width } = image;
  const graph = new GraphBuilder(precision);
  const layers = new TowerLayers(graph, weights, image);
  const grid = Math.floor(side / patch);
  const tokens = grid * grid + 1;
  const patchSize = patch * patch * 3;

  let pixels = 'pixels';
  if (grid * patch < side) {
    const limits = [
      [0, 0],
      [grid * patch, grid * patch],
      [1, 2],
    ].map((values) => graph.integers(values));
    pixels = graph.add('Slice', [pixels, ...limits]);
  }
  const cut = graph.add('Reshape', [pixels, graph.integers([-1, grid, patch, grid, patch, 3])]);
  const ordered = graph.add('Transpose', [cut], { perm: [0, 1, 3, 2, 4, 5] });
  const scale = pictures.deviation.map((deviation) => pictures.rescale / deviation);
  const shift = pictures.mean.map((mean, channel) => -mean / pictures.deviation[channel]!);
  const scaled = graph.add('Mul', [graph.cast(ordered, 'float32'), graph.floats(scale)]);
  const normalised = graph.add('Add', [scaled, graph.floats(shift)]);
  const patches = graph.add('Reshape', [normalised, graph.integers([-1, patchSize])]);

  const embedded = graph.add('Gemm', [
    precision === 'f16' ? graph.cast(patches, 'float16') : patches,
    patchWeight(graph, weights, { patch, width }),
  ]);
  const sequence = graph.add('Reshape', [embedded, graph.integers([-1, grid * grid, width])]);
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
  return {
    builder: graph,
    input: { name: 'pixels', type: 'uint8', shape: ['batch', side, side, 3] },
    output: { name: 'embedding', type: 'float32', shape: ['batch', dimension] },
  };
}

/** The text tower of a CLIP: int64 `input_ids` [batch, length], any length up to the context's, to the L2-normalised `embedding`. */
export function textGraph({ description, weights, precision }: Source): TowerGraph {
  const { text, dimension } = description;
  const { width, vocabulary, contextLength, endOfText } = text;
  const graph = new GraphBuilder(precision);
  const layers = new TowerLayers(graph, weights, text);

  const tokens = graph.add('Gather', [
    layers.tensor('text_model.embeddings.token_embedding.weight', [vocabulary, width]),
    'input_ids',
  ]);
  const length = graph.add('Slice', [graph.add('Shape', ['input_ids']), graph.integers([1]), graph.integers([2])]);
  const places = graph.add('Slice', [
    layers.tensor('text_model.embeddings.position_embedding.weight', [contextLength, width]),
    graph.integers([0]),
    length,
    graph.integers([0]),
  ]);
  const rows = graph.add('Reshape', [graph.add('Add', [tokens, places]), graph.integers([-1, width])]);
  const sequences = graph.add('Concat', [graph.integers([-1]), length, graph.integers([width])], { axis: 0 });
  const hidden = layers.encoder(rows, 'text_model.encoder.layers', { sequences, isCausal: true });

  const isEnd = graph.cast(graph.add('Equal', ['input_ids', graph.integers([endOfText], [])]), 'float32');
  // The first one: texts are padded with it.
  const end = graph.add('ArgMax', [isEnd], { axis: 1, keepdims: 1 });
  const last = graph.add('GatherND', [graph.add('Reshape', [hidden, sequences]), end], { batch_dims: 1 });
  const pooled = layers.norm(last, 'text_model.final_layer_norm');
  unitLength(graph, layers.projection(pooled, 'text_projection.weight', [dimension, width]));
  return {
    builder: graph,
    input: { name: 'input_ids', type: 'int64', shape: ['batch', 'length'] },
    output: { name: 'embedding', type: 'float32', shape: ['batch', dimension] },
  };
}

interface PatchSize {
  readonly patch: number;
  readonly width: number;
}

/** The convolution's kernel [width, 3, patch, patch] as a matrix over patches of interleaved pixels. */
function patchWeight(graph: GraphBuilder, weights: Weights, { patch, width }: PatchSize): string {
  const inputs = patch * patch * 3;
  return graph.weight({
    name: 'vision_model.embeddings.patches',
    shape: [inputs, width],
    read: async () => {
      const shape = [width, 3, patch, patch];
      const kernel = await weights.readTensor('vision_model.embeddings.patch_embedding.weight', shape);
      const matrix = new Float32Array(kernel.length);
      for (let output = 0; output < width; output += 1) {
        for (let channel = 0; channel < 3; channel += 1) {
          for (let pixel = 0; pixel < patch * patch; pixel += 1) {
            matrix[(pixel * 3 + channel) * width + output] = kernel[(output * 3 + channel) * patch * patch + pixel]!;
          }
        }
      }
      return matrix;
    },
  });
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

/** Divides by the length, in single precision; a row of zeros becomes NaN, which the engine reports. */
function unitLength(graph: GraphBuilder, projected: string): void {
  const single = graph.precision === 'f16' ? graph.cast(projected, 'float32') : projected;
  const squares = graph.add('ReduceSum', [graph.add('Mul', [single, single]), graph.integers([1])], { keepdims: 1 });
  graph.add('Div', [single, graph.add('Sqrt', [squares])], {}, 'embedding');
}
