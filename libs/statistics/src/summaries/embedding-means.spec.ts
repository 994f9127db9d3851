import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import {
  embeddingSpread,
  type EmbeddingMeans,
  initialEmbeddingMeans,
  meanEmbedding,
  meanPairwiseProduct,
  mergeEmbeddingMeans,
  observeEmbedding,
  squaredMeanDistance,
} from './embedding-means.js';

const DIMENSION = 3;
const component = fc.double({ noNaN: true, min: -10, max: 10 });
const embeddings = fc.array(fc.tuple(component, component, component), { maxLength: 20 });

describe('embedding means', () => {
  it('are a commutative monoid that agrees with folding everything', () => {
    fc.assert(
      fc.property(embeddings, embeddings, embeddings, (xs, ys, zs) => {
        const [a, b, c] = [meansOf(xs), meansOf(ys), meansOf(zs)];
        expect(mergeEmbeddingMeans(a, initialEmbeddingMeans(DIMENSION))).toEqual(a);
        expect(mergeEmbeddingMeans(a, b)).toEqual(mergeEmbeddingMeans(b, a));
        expectSame(
          mergeEmbeddingMeans(mergeEmbeddingMeans(a, b), c),
          mergeEmbeddingMeans(a, mergeEmbeddingMeans(b, c)),
        );
        expectSame(mergeEmbeddingMeans(a, b), meansOf([...xs, ...ys]));
      }),
    );
  });

  it('know the spread and the pairwise products without keeping the embeddings', () => {
    const state = meansOf([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0.6, 0.8],
    ]);
    expect([...(meanEmbedding(state) ?? [])]).toEqual([1 / 3, 1.6 / 3, 0.8 / 3]);
    expect(meanPairwiseProduct(state)).toBeCloseTo(0.6 / 3, 14);
    // For unit vectors the spread and the mean cosine of two of them are the same number, said twice.
    expect(embeddingSpread(state)).toBeCloseTo(1 - 0.6 / 3, 14);
  });

  it('estimate the squared distance of two means without bias', () => {
    const random = simulationRandom(21);
    const draw = (shift: number): [number, number, number] => [
      random.normal() + shift,
      random.normal(),
      random.normal(),
    ];
    let same = 0;
    let apart = 0;
    for (let run = 0; run < 500; run++) {
      const sets = [0, 0, 0.5].map((shift) => meansOf(Array.from({ length: 40 }, () => draw(shift))));
      const [a, b, c] = sets as [EmbeddingMeans, EmbeddingMeans, EmbeddingMeans];
      same += (squaredMeanDistance(a, b) ?? 9) / 500;
      apart += (squaredMeanDistance(a, c) ?? 9) / 500;
    }
    // One estimate's standard deviation is about √(2 · 3) · 2/40 ≈ .12 without, .26 with a difference.
    expect(Math.abs(same)).toBeLessThan(3 * (0.13 / Math.sqrt(500)));
    expect(Math.abs(apart - 0.25)).toBeLessThan(3 * (0.26 / Math.sqrt(500)));
  });

  it('say when there is too little, refuse what is not finite, and do not mix dimensions', () => {
    const state = initialEmbeddingMeans(DIMENSION);
    expect(meanEmbedding(state)).toBeNull();
    expect(observeEmbedding(state, [1, Number.NaN, 0])).toBe(false);
    expect(state.sum).toEqual(new Float64Array(DIMENSION));
    observeEmbedding(state, [1, 0, 0]);
    expect(embeddingSpread(state)).toBeNull();
    expect(squaredMeanDistance(state, state)).toBeNull();
    expect(() => observeEmbedding(state, [1])).toThrow('embedding of 1 numbers: expected 3');
    expect(() => mergeEmbeddingMeans(state, initialEmbeddingMeans(2))).toThrow('expected one dimension');
  });
});

function meansOf(vectors: readonly (readonly number[])[]): EmbeddingMeans {
  const state = initialEmbeddingMeans(DIMENSION);
  for (const vector of vectors) observeEmbedding(state, vector);
  return state;
}

function expectSame(a: EmbeddingMeans, b: EmbeddingMeans): void {
  expect(a.n).toBe(b.n);
  expect(Math.abs(a.sumOfSquaredNorms - b.sumOfSquaredNorms)).toBeLessThan(1e-9);
  a.sum.forEach((value, i) => expect(Math.abs(value - (b.sum[i] as number))).toBeLessThan(1e-9));
}
