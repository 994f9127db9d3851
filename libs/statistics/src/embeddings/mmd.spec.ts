import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom, type SeededRandom } from '../../test/seeded-random.js';
import { bandwidthsOf, biasedMmd, cmmd, crossMmd, type Embedding, unbiasedMmd } from './index.js';

const SIGMAS = [0.5, 1, 2];
const point = fc.tuple(...[0, 1, 2].map(() => fc.double({ min: -3, max: 3, noNaN: true })));
const sample = fc.array(point, { minLength: 3, maxLength: 12 });

function draw(random: SeededRandom, n: number, dimension: number, mean = 0, spread = 1): Float64Array[] {
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
    const random = seededRandom(3);
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

describe('MMD on seeded draws', () => {
  const bandwidths = bandwidthsOf(draw(seededRandom(1), 80, 4)) as readonly number[];
  const RUNS = 120;
  // Four standard errors of a share of RUNS at 95 %.
  const TOLERANCE = 4 * Math.sqrt((0.05 * 0.95) / RUNS);

  it('is unbiased and its interval covers 0 where the laws are equal, for unequal sizes', () => {
    let [covered, total, squares] = [0, 0, 0];
    for (let run = 0; run < RUNS; run++) {
      const random = seededRandom(100 + run);
      const { mmd2, interval } = unbiasedMmd(draw(random, 30, 4), draw(random, 50, 4), bandwidths, 0.05);
      total += mmd2 as number;
      squares += (mmd2 as number) ** 2;
      if (interval !== null && interval.low <= 0 && interval.high >= 0) covered += 1;
    }
    expect(Math.abs(total / RUNS)).toBeLessThan((4 * Math.sqrt(squares)) / RUNS);
    expect(covered / RUNS).toBeGreaterThan(0.95 - TOLERANCE);
  });

  it('has an interval that covers the true value where the laws differ', () => {
    const truth = expectedMmd2(0.6, 4, bandwidths);
    let covered = 0;
    for (let run = 0; run < RUNS; run++) {
      const random = seededRandom(1_100 + run);
      const { interval } = unbiasedMmd(draw(random, 30, 4), draw(random, 50, 4, 0.6), bandwidths, 0.05);
      if (interval !== null && interval.low <= truth && interval.high >= truth) covered += 1;
    }
    expect(covered / RUNS).toBeGreaterThan(0.95 - TOLERANCE);
    expect(covered / RUNS).toBeLessThan(1);
  });

  it('sees a change of spread that keeps the mean', () => {
    const random = seededRandom(7);
    const { interval } = unbiasedMmd(draw(random, 150, 4), draw(random, 150, 4, 0, 1.6), bandwidths, 0.05);
    expect(interval?.low).toBeGreaterThan(0);
  });

  it('has a cross statistic that is standard normal where the laws are equal, and large where they differ', () => {
    let [beyond, total] = [0, 0];
    for (let run = 0; run < RUNS; run++) {
      const random = seededRandom(2_100 + run);
      const t = crossMmd(draw(random, 60, 4), draw(random, 60, 4), bandwidths).t as number;
      total += t;
      if (t > 1.645) beyond += 1;
    }
    expect(Math.abs(total / RUNS)).toBeLessThan(4 / Math.sqrt(RUNS));
    expect(beyond / RUNS).toBeLessThan(0.05 + TOLERANCE);
    const random = seededRandom(4);
    expect(crossMmd(draw(random, 80, 4), draw(random, 80, 4, 0.6), bandwidths).t).toBeGreaterThan(4);
  });

  it('reads as the warning says of CMMD without any difference, on vectors of many dimensions', () => {
    expect(Math.abs(meanCmmd(25) - 0.42)).toBeLessThan(0.06);
    expect(Math.abs(meanCmmd(100) - 0.11)).toBeLessThan(0.015);
  });
});

/** Unit vectors with a mean cosine of 0.47, about that of pictures of like prompts. */
function clipLike(random: SeededRandom, n: number): Float64Array[] {
  return draw(random, n, 128).map((vector) => {
    vector[0] = Math.sqrt((128 * 0.47) / 0.53);
    return vector;
  });
}

/** Two normal laws a `shift` apart in every coordinate: E k = (σ²/(σ²+2))^{d/2} exp(−‖shift‖²/(2(σ²+2))). */
function expectedMmd2(shift: number, dimension: number, bandwidths: readonly number[]): number {
  const terms = bandwidths.map((sigma) => {
    const width = sigma * sigma + 2;
    const within = ((sigma * sigma) / width) ** (dimension / 2);
    return 2 * within * (1 - Math.exp((-dimension * shift * shift) / (2 * width)));
  });
  return terms.reduce((sum, term) => sum + term, 0) / terms.length;
}

function meanCmmd(n: number): number {
  const random = seededRandom(n);
  const runs = 8;
  let sum = 0;
  for (let run = 0; run < runs; run++) sum += cmmd(clipLike(random, n), clipLike(random, n)) as number;
  return sum / runs;
}

function without(of: readonly Embedding[], i: number): Embedding[] {
  return of.filter((_, index) => index !== i);
}

function jackknife(values: readonly number[]): number {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  return ((n - 1) / n) * values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}
