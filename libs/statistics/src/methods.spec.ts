import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../test/seeded-random.js';
import {
  addToSketch,
  anytimeP,
  asymptoticHalfWidth,
  initialMeanDifference,
  initialSketch,
  lnBeta,
  lnESampleRatio,
  lnGamma,
  logMeanExp,
  logSumExp,
  meanDifference,
  mergeMeanDifference,
  mergeSketches,
  observeMean,
  quantile,
  quantileInterval,
  quantileRanks,
  rejects,
  valueAtRank,
} from './index.js';

describe('log space', () => {
  it('neither overflows nor loses the small terms', () => {
    expect(logSumExp([1000, 1000])).toBeCloseTo(1000 + Math.LN2, 12);
    expect(logMeanExp([-1000, -1000])).toBe(-1000);
    expect(logSumExp([])).toBe(-Infinity);
  });
});

describe('ln B', () => {
  // Golden values: mpmath, 50 digits.
  it.each([
    [1, 1, 0],
    [0.5, 0.5, Math.log(Math.PI)],
    [2, 3, Math.log(1 / 12)],
    [5, 1_000_000, lnGamma(5) - 5 * Math.log(1_000_000) - 1e-5 + 5e-12 / 3 + 0.5 * 1e-11],
  ])('B(%d, %d)', (a, b, expected) => {
    expect(lnBeta(a, b)).toBeCloseTo(expected, 9);
  });

  it('satisfies B(a, b) = B(a + 1, b) + B(a, b + 1) at every size', () => {
    for (const a of [0.3, 2, 9.5, 10, 300, 1e6]) {
      for (const b of [0.7, 11, 1e4, 1e8]) {
        const sum = logSumExp([lnBeta(a + 1, b), lnBeta(a, b + 1)]);
        expect(Math.abs(sum - lnBeta(a, b))).toBeLessThan(1e-13 * Math.abs(lnBeta(a, b)) + 2e-13);
      }
    }
  });

  it('refuses what has no beta function', () => {
    expect(() => lnBeta(0, 1)).toThrow('expected two positive numbers');
  });
});

describe('sample ratio', () => {
  it('agrees with the published reference, and is sure at 4072 : 2035 for a planned 80 : 20', () => {
    expect(lnESampleRatio([4072, 2035], [0.8, 0.2])).toBeGreaterThan(100);
    expect(lnESampleRatio([5000, 5300], [0.5, 0.5])).toBeCloseTo(1.862908098504704, 9);
    expect(lnESampleRatio([60, 64, 33], [0.4, 0.4, 0.2], 3)).toBeCloseTo(-4.109409232680548, 9);
  });

  it('has answers for the edges', () => {
    expect(lnESampleRatio([0, 0], [0.5, 0.5])).toBe(0);
    expect(lnESampleRatio([10, 0], [1, 0])).toBe(0);
    expect(lnESampleRatio([10, 1], [1, 0])).toBe(Number.MAX_VALUE);
    expect(() => lnESampleRatio([1], [0.5, 0.5])).toThrow('one share per count');
  });
});

describe('asymptotic sequence', () => {
  it('agrees with the reference at α = .05, tightest at 5000, n = 1000', () => {
    expect(asymptoticHalfWidth(1 / Math.sqrt(1000), 1000, 0.05)).toBeCloseTo(0.10637547006557503, 12);
  });
});

describe('difference of means', () => {
  it('says why it has no interval', () => {
    const state = initialMeanDifference();
    expect(meanDifference(state, 0.05)).toMatchObject({ difference: null, interval: null, missing: 'no-data' });
    for (let i = 0; i < 60; i++) observeMean(state, i % 2 === 0 ? 'control' : 'candidate', 0.5, 1);
    expect(meanDifference(state, 0.05)).toMatchObject({ difference: 0, interval: null, missing: 'burn-in' });
    for (let i = 0; i < 400; i++) observeMean(state, i % 2 === 0 ? 'control' : 'candidate', 0.5, 1);
    expect(meanDifference(state, 0.05)).toMatchObject({ difference: 0, interval: null, missing: 'no-variance' });
    expect(observeMean(state, 'control', 0.5, Infinity)).toBe(false);
  });

  it('is not fooled by drift over a ramp', () => {
    const random = seededRandom(11);
    const state = initialMeanDifference();
    for (const [stage, propensity] of [0.01, 0.05, 0.1, 0.25, 0.5].entries()) {
      for (let i = 0; i < 4_000; i++) {
        observeMean(
          state,
          random.uniform() < propensity ? 'candidate' : 'control',
          propensity,
          stage + random.normal(),
        );
      }
    }
    const { difference, interval, control, candidate } = meanDifference(state, 0.05);
    expect((candidate ?? 0) - (control ?? 0)).toBeGreaterThan(1);
    expect(Math.abs(difference ?? 9)).toBeLessThan(0.2);
    expect(interval?.low).toBeLessThan(0);
    expect(interval?.high).toBeGreaterThan(0);
  });

  it('merges to the same answer as the whole, up to what each part predicted', () => {
    const random = seededRandom(3);
    const parts = [initialMeanDifference(), initialMeanDifference()];
    for (let i = 0; i < 4_000; i++) {
      const arm = random.uniform() < 0.5 ? 'candidate' : 'control';
      observeMean(parts[i % 2] as (typeof parts)[0], arm, 0.5, (arm === 'candidate' ? 0.3 : 0) + random.normal());
    }
    const [a, b] = parts as [(typeof parts)[0], (typeof parts)[0]];
    expect(mergeMeanDifference(a, b)).toEqual(mergeMeanDifference(b, a));
    const { difference, interval } = meanDifference(mergeMeanDifference(a, b), 0.05);
    expect(Math.abs((difference ?? 9) - 0.3)).toBeLessThan(0.1);
    expect(interval?.low).toBeGreaterThan(0.1);
  });
});

describe('quantiles', () => {
  it('finds quantiles of either sign to half a percent', () => {
    const random = seededRandom(1);
    const values = Array.from({ length: 5_000 }, () => 3 * random.normal());
    const sketch = initialSketch();
    for (const value of values) addToSketch(sketch, value);
    values.sort((a, b) => a - b);
    for (const rank of [1, 100, 1_200, 2_600, 4_800, 5_000]) {
      const exact = values[rank - 1] as number;
      expect(Math.abs(valueAtRank(sketch, rank) - exact)).toBeLessThanOrEqual(0.00501 * Math.abs(exact));
    }
  });

  it('counts infinite values, refuses what is no number, and knows what it does not know', () => {
    const sketch = initialSketch();
    expect(quantile(sketch, 0.5)).toBeNull();
    expect(addToSketch(sketch, Number.NaN)).toBe(false);
    for (const value of [1, 2, 0, Infinity]) addToSketch(sketch, value);
    expect(quantile(sketch, 0.95)).toBe(Infinity);
    expect(quantile(sketch, 0.25)).toBe(0);
    expect(quantileInterval(sketch, 0.5, 0.05)).toEqual({ low: -Infinity, high: Infinity });
  });

  it('merges exactly', () => {
    const sketchOf = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { maxLength: 50 }).map((values) => {
      const sketch = initialSketch();
      for (const value of values) addToSketch(sketch, value);
      return sketch;
    });
    fc.assert(
      fc.property(sketchOf, sketchOf, (a, b) => {
        expect(mergeSketches(a, b)).toEqual(mergeSketches(b, a));
        expect(quantile(mergeSketches(a, b), 0.9)).toBe(quantile(mergeSketches(b, a), 0.9));
      }),
    );
  });

  it('has the ranks of the reference implementation', () => {
    expect(quantileRanks(0.95, 10_000, 0.05)).toEqual({ low: 9432, high: 9565 });
    expect(quantileRanks(0.9, 200, 0.05)).toEqual({ low: 158, high: 200 });
  });
});

describe('anytime p', () => {
  it('is 1/E, at most 1', () => {
    expect(anytimeP(-3)).toBe(1);
    expect(anytimeP(Math.log(20))).toBeCloseTo(0.05, 12);
    expect(rejects(Math.log(20), 0.05)).toBe(true);
    expect(rejects(2.9, 0.05)).toBe(false);
  });
});
