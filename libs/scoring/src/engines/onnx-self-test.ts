import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { GraphBuilder } from '../graphs/graph-builder.js';
import type { OnnxProvider } from './onnx-messages.js';

// Multiplies two matrices on the provider and compares the result with one computed here. Sends null, or what is wrong.

const SIZE = 64;
/** Some GPUs round the factors of a product to 10 bits of mantissa. */
const TOLERANCE = 0.01;

const { provider } = workerData as { readonly provider: OnnxProvider };

parentPort!.postMessage(await failure(), []);

async function failure(): Promise<string | null> {
  try {
    const left = Float32Array.from({ length: SIZE * SIZE }, (_, index) => ((index * 37) % 101) / 101 - 0.5);
    const right = Float32Array.from({ length: SIZE * SIZE }, (_, index) => ((index * 53) % 97) / 97 - 0.5);
    const graph = new GraphBuilder('f32');
    graph.add('MatMul', ['left', graph.floats([...right], [SIZE, SIZE])], {}, 'product');
    const shape = { type: 'float32', shape: [SIZE, SIZE] } as const;
    const model = graph.model({ name: 'left', ...shape }, { name: 'product', ...shape }, { dataFile: '', places: [] });
    const session = await InferenceSession.create(model, { executionProviders: [provider, 'cpu'] });
    const { product } = await session.run({ left: new Tensor('float32', left, [SIZE, SIZE]) });
    const worst = largestDifference(product!.data as Float32Array, left, right);
    await session.release();
    return worst < TOLERANCE ? null : `a product is wrong by ${worst}`;
  } catch (error) {
    return (error as Error).message;
  }
}

function largestDifference(product: Float32Array, left: Float32Array, right: Float32Array): number {
  let worst = 0;
  for (let row = 0; row < SIZE; row += 1) {
    for (let column = 0; column < SIZE; column += 1) {
      let sum = 0;
      for (let at = 0; at < SIZE; at += 1) sum += left[row * SIZE + at]! * right[at * SIZE + column]!;
      worst = Math.max(worst, Math.abs(sum - product[row * SIZE + column]!));
    }
  }
  return worst;
}
