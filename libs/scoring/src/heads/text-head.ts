import type { Similarity } from '../checkpoint/similarity.js';
import type { TextHead } from './quality-head.js';

/** Texts that the head compares a picture with, in order. */
export function textsOf(head: TextHead): readonly string[] {
  return 'contrast' in head ? head.contrast : Object.values(head.concepts);
}

/**
 * What a head of texts says of one picture, by the name of each score: `name`, or `name:concept`.
 * @param cosines of the picture and each of {@link textsOf}
 * @param similarity how the model turns cosines into probabilities
 */
export function applyTextHead(
  head: TextHead,
  cosines: readonly number[],
  similarity: Similarity,
): Readonly<Record<string, number>> {
  const scale = head.scale ?? similarity.scale;
  // Of two texts the first or the second is right, also for a model whose probabilities stand each for itself.
  if ('contrast' in head) return { [head.name]: softmax(cosines, scale)[0]! };
  const probabilities =
    similarity.kind === 'softmax'
      ? softmax(cosines, scale)
      : cosines.map((cosine) => sigmoid(scale * cosine + similarity.bias));
  return Object.fromEntries(
    Object.keys(head.concepts).map((concept, at) => [`${head.name}:${concept}`, probabilities[at]!]),
  );
}

function softmax(cosines: readonly number[], scale: number): readonly number[] {
  const largest = Math.max(...cosines);
  const powers = cosines.map((cosine) => Math.exp(scale * (cosine - largest)));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}
