import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bandwidthsOf, biasedMmd, type Embedding, unbiasedMmd } from '#libs/statistics';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { cmmd } from './cmmd.js';
import { crossMmd } from './cross-mmd.js';

const SIGMAS = [0.5, 1, 2];
const point = fc.tuple(...[0, 1, 2].map(() => fc.double({ min: -3, max: 3, noNaN: true })));
const sample = fc.array(point, { minLength: 3, maxLength: 12 });

function draw(random: SimulationRandom, n: number, dimension: number, mean = 0, spread = 1): Float64Array[] {
  return Array.from({ length: n }, () =>
    Float64Array.from({ length: dimension }, () => mean + spread * random.normal()),
  );
}

describe('MMD', () => {
  it('does not depend on the order within a sample, nor on which sample is the first', () => {
    fc.assert(
      fc.property(sample, sample, (x, y) => {
        const usual = unbiasedMmd(x, y, SIGMAS, 0.05);
        const swapped = unbiasedMmd(y.toReversed(), x.toReversed(), SIGMAS, 0.05);
        expect(swapped.mmd2).toBeCloseTo(usual.mmd2 as number, 12);
        expect(swapped.standardError).toBeCloseTo(usual.standardError as number, 10);
        expect(biasedMmd(y, x, SIGMAS)).toBeCloseTo(biasedMmd(x, y, SIGMAS) as number, 12);
      }),
    );
  });

  it('does not depend on where the embeddings lie', () => {
    fc.assert(
      fc.property(sample, sample, point, (x, y, shift) => {
        const moved = (of: number[][]) => of.map((p) => p.map((value, k) => value + (shift[k] as number)));
        expect(unbiasedMmd(moved(x), moved(y), SIGMAS, 0.05).mmd2).toBeCloseTo(
          unbiasedMmd(x, y, SIGMAS, 0.05).mmd2 as number,
          10,
        );
      }),
    );
  });

  it('leaves one out of either sample for the standard error', () => {
    const random = simulationRandom(3);
    const x = draw(random, 6, 2);
    const y = draw(random, 9, 2, 0.7);
    const variance =
      jackknife(x.map((_, i) => unbiasedMmd(without(x, i), y, SIGMAS, 0.05).mmd2 as number)) +
      jackknife(y.map((_, i) => unbiasedMmd(x, without(y, i), SIGMAS, 0.05).mmd2 as number));
    expect(unbiasedMmd(x, y, SIGMAS, 0.05).standardError).toBeCloseTo(Math.sqrt(variance), 12);
  });

  it('says why there is no interval', () => {
    expect(unbiasedMmd([], [[1]], SIGMAS, 0.05)).toMatchObject({ mmd2: null, missing: 'not-enough-data' });
    expect(unbiasedMmd([[1], [2]], [[1], [2]], SIGMAS, 0.05)).toMatchObject({
      standardError: null,
      missing: 'not-enough-data',
    });
    const same = [[1], [1], [1]];
    expect(unbiasedMmd(same, same, SIGMAS, 0.05)).toEqual({
      mmd2: 0,
      standardError: 0,
      interval: null,
      missing: 'no-variance',
    });
    expect(biasedMmd([], [[1]], SIGMAS)).toBeNull();
    expect(crossMmd([[1], [2], [3]], same, SIGMAS)).toMatchObject({ t: null, missing: 'not-enough-data' });
    expect(crossMmd([...same, [1]], [...same, [1]], SIGMAS)).toMatchObject({
      mmd2: 0,
      t: null,
      missing: 'no-variance',
    });
    expect(cmmd([[0, 0]], [[1, 0]])).toBeNull();
    expect(bandwidthsOf([[1]])).toBeNull();
    expect(bandwidthsOf(same)).toBeNull();
  });

  it('refuses embeddings of different lengths, infinite ones, and bandwidths that are not positive', () => {
    expect(() => unbiasedMmd([[1, 2]], [[1]], SIGMAS, 0.05)).toThrow('length 1: expected 2');
    expect(() => unbiasedMmd([[Infinity]], [[1]], SIGMAS, 0.05)).toThrow('finite');
    expect(() => unbiasedMmd([[1]], [[1]], [0], 0.05)).toThrow('bandwidths [0]');
    expect(() => unbiasedMmd([[1]], [[1]], [1], 0)).toThrow('alpha 0');
  });

  it('takes the median distance of the past as the middle bandwidth', () => {
    // Distances of 0, 1, 3, 7: 1, 2, 3, 4, 6, 7.
    expect(bandwidthsOf([[0], [1], [3], [7]])).toEqual([3.5 / 4, 3.5 / 2, 3.5, 7, 14]);
  });
});

function without(of: readonly Embedding[], i: number): Embedding[] {
  return of.filter((_, index) => index !== i);
}

function jackknife(values: readonly number[]): number {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  return ((n - 1) / n) * values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}
