import type { ImageTower } from './description.js';
import type { Weights } from './open-weights.js';

/** What one query takes out of all patches: the weights of `torch.nn.MultiheadAttention` with a query that no picture changes. */
export interface AttentionPooling {
  /** heads × (width / heads), divided by the root of a head's width. */
  readonly query: Float32Array<ArrayBuffer>;
  /** Inputs × outputs. */
  readonly keyKernel: Float32Array<ArrayBuffer>;
  readonly keyBias: Float32Array<ArrayBuffer>;
  readonly valueKernel: Float32Array<ArrayBuffer>;
  readonly valueBias: Float32Array<ArrayBuffer>;
}

/** Reads `vision_model.head.probe` and `.attention` of a SigLIP. @throws ModelDirectoryError when a tensor is missing or of another shape */
export async function attentionPooling(
  weights: Pick<Weights, 'readTensor'>,
  { width, heads }: ImageTower,
): Promise<AttentionPooling> {
  const probe = await weights.readTensor('vision_model.head.probe', [1, 1, width]);
  const kernels = await weights.readTensor('vision_model.head.attention.in_proj_weight', [3 * width, width]);
  const biases = await weights.readTensor('vision_model.head.attention.in_proj_bias', [3 * width]);
  const scale = 1 / Math.sqrt(width / heads);
  const query = new Float32Array(width);
  for (let output = 0; output < width; output += 1) {
    let sum = biases[output]!;
    for (let input = 0; input < width; input += 1) sum += kernels[output * width + input]! * probe[input]!;
    query[output] = sum * scale;
  }
  return {
    query,
    keyKernel: turned(kernels.subarray(width * width, 2 * width * width), width),
    keyBias: biases.slice(width, 2 * width),
    valueKernel: turned(kernels.subarray(2 * width * width), width),
    valueBias: biases.slice(2 * width),
  };
}

/** [outputs, inputs] as [inputs, outputs]. */
function turned(matrix: Float32Array, width: number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(width * width);
  for (let output = 0; output < width; output += 1) {
    for (let input = 0; input < width; input += 1) result[input * width + output] = matrix[output * width + input]!;
  }
  return result;
}
