import type { CheckpointDescription } from '../checkpoint/description.js';
import type { Weights } from '../checkpoint/open-weights.js';
import { GraphBuilder, type EnginePrecision, type GraphValue } from './graph-builder.js';
import type { TowerLayers } from './tower-layers.js';

/** A tower as an ONNX graph whose constants have not been read yet. */
export interface TowerGraph {
  readonly builder: GraphBuilder;
  readonly input: GraphValue;
  readonly output: GraphValue;
}

/** What a graph is made of. */
export interface TowerSource {
  readonly description: CheckpointDescription;
  readonly weights: Weights;
  readonly precision: EnginePrecision;
}

/**
 * Pixels in, one row of numbers per patch out, [batch × patches, width]. Normalisation is inside, and in single precision whatever the tower
 * computes in. Patches are cut by reshaping, so that embedding them is a matrix product.
 */
export function patchRows(graph: GraphBuilder, { description, weights, precision }: TowerSource): string {
  const { image, pictures } = description;
  const { side, patch, width } = image;
  const grid = Math.floor(side / patch);

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
  const patches = graph.add('Reshape', [normalised, graph.integers([-1, patch * patch * 3])]);
  return graph.add('Gemm', [
    precision === 'f16' ? graph.cast(patches, 'float16') : patches,
    patchWeight(graph, weights, { patch, width }),
  ]);
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

/** The numbers of each token and its place, and the length of the texts. */
interface EmbeddedTokens {
  /** [batch × length, width] */
  readonly rows: string;
  /** A constant shape that makes [batch, length, width] of the rows. */
  readonly sequences: string;
}

/** `input_ids` in: any length up to the context's. */
export function tokenRows(
  graph: GraphBuilder,
  layers: TowerLayers,
  description: CheckpointDescription,
): EmbeddedTokens {
  const { width, vocabulary, contextLength } = description.text;
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
  return { rows, sequences };
}

/** Divides by the length, in single precision; a row of zeros becomes NaN, which the engine reports. */
export function unitLength(graph: GraphBuilder, projected: string): void {
  const single = graph.precision === 'f16' ? graph.cast(projected, 'float32') : projected;
  const squares = graph.add('ReduceSum', [graph.add('Mul', [single, single]), graph.integers([1])], { keepdims: 1 });
  graph.add('Div', [single, graph.add('Sqrt', [squares])], {}, 'embedding');
}

/** Inputs and outputs of an image tower's graph. */
export function imageGraphOf(builder: GraphBuilder, { image, dimension }: CheckpointDescription): TowerGraph {
  return {
    builder,
    input: { name: 'pixels', type: 'uint8', shape: ['batch', image.side, image.side, 3] },
    output: { name: 'embedding', type: 'float32', shape: ['batch', dimension] },
  };
}

/** Inputs and outputs of a text tower's graph. @param length of every text; a name for any */
export function textGraphOf(
  builder: GraphBuilder,
  { dimension }: CheckpointDescription,
  length: number | string,
): TowerGraph {
  return {
    builder,
    input: { name: 'input_ids', type: 'int64', shape: ['batch', length] },
    output: { name: 'embedding', type: 'float32', shape: ['batch', dimension] },
  };
}
