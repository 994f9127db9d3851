import type { Family } from './description.js';
import { ModelDirectoryError } from './errors.js';
import { openWeights } from './open-weights.js';

/** How a model was trained to turn cosines into probabilities: among several texts, or of each for itself with a bias. */
export type Similarity =
  | { readonly kind: 'softmax'; readonly scale: number }
  | { readonly kind: 'sigmoid'; readonly scale: number; readonly bias: number };

/**
 * Reads `logit_scale`, and `logit_bias` of a SigLIP, which are logarithm and number as they were trained.
 * @throws ModelDirectoryError when the weights lack them, or are not there
 */
export async function readSimilarity(directory: string, family: Family): Promise<Similarity> {
  const weights = await openWeights(directory);
  try {
    const number = async (name: string): Promise<number> => {
      const shape = weights.shapeOf(name);
      if (shape === undefined || shape.some((size) => size !== 1)) {
        throw new ModelDirectoryError(`the weights in ${directory} lack ${name}, expected one number`);
      }
      return (await weights.readTensor(name, shape))[0]!;
    };
    const scale = Math.exp(await number('logit_scale'));
    return family === 'clip'
      ? { kind: 'softmax', scale }
      : { kind: 'sigmoid', scale, bias: await number('logit_bias') };
  } finally {
    await weights.close();
  }
}
