import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answered } from '#libs/testing/figures';
import { eppoMultiplier } from './eppo.js';
import { effectPosterior } from './growthbook-bayesian.js';
import { type Effect, growthBookEffect, type VariantStatistic } from './growthbook-effect.js';
import { midExperimentPower, type PowerPlan, scalingFactor } from './growthbook-power.js';
import { sequentialHalfWidth } from './growthbook-sequential.js';
import { sampleRatioTest, sequentialEffectTest, welchEffectTest } from './growthbook-tests.js';
import { canaryScore, classifyMetric, cohensD, mannWhitneyInterval, percentile } from './kayenta.js';
import { comparePipeCd, pipeCdMannWhitney } from './pipecd.js';
import { compareProportions, groupSequentialLevels, welchFromSums } from './spotify.js';
import { statsigCritical } from './statsig.js';
import { brentRoot } from './brent.js';

const proportion = (n: number, sum: number): VariantStatistic => ({ kind: 'proportion', n, sum });

function meanOf(values: readonly number[]): VariantStatistic {
  const add = (of: (value: number) => number): number => values.reduce((sum, value) => sum + of(value), 0);
  return { kind: 'mean', n: values.length, sum: add((x) => x), sumOfSquares: add((x) => x * x) };
}

const effect: Effect = {
  estimate: 0.1,
  standardError: 0.05,
  df: 400,
  n: 500,
  theta: null,
  controlMean: 2,
  treatmentMean: 2.2,
};

const sample = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 12 });

describe('GrowthBook', () => {
  it('gives no effect without data, without variance and over a baseline of 0, and says which', () => {
    expect(growthBookEffect(proportion(0, 0), proportion(9, 3), 'absolute')).toEqual({ missing: 'no-data' });
    expect(growthBookEffect(proportion(9, 9), proportion(9, 3), 'relative')).toEqual({ missing: 'no-variance' });
    expect(growthBookEffect(proportion(9, 0), proportion(9, 3), 'relative')).toEqual({ missing: 'baseline-zero' });
    expect(growthBookEffect(meanOf([3]), meanOf([1, 2, 4]), 'absolute')).toEqual({ missing: 'no-variance' });
  });

  it('refuses to compare two kinds of metric', () => {
    const cuped: VariantStatistic = {
      kind: 'cuped',
      n: 2,
      post: { kind: 'proportion', n: 2, sum: 1 },
      pre: { kind: 'proportion', n: 2, sum: 1 },
      sumOfProducts: 1,
    };
    expect(() => growthBookEffect(cuped, proportion(2, 1), 'absolute')).toThrow(/different kinds/);
  });

  it('turns the sign of an absolute effect around with the variants', () => {
    fc.assert(
      fc.property(sample, sample, (x, y) => {
        const one = growthBookEffect(meanOf(x), meanOf(y), 'absolute');
        const other = growthBookEffect(meanOf(y), meanOf(x), 'absolute');
        if ('missing' in one || 'missing' in other) return;
        expect(one.estimate).toBeCloseTo(-other.estimate, 10);
        expect(one.standardError).toBeCloseTo(other.standardError, 10);
        expect(one.df).toBeCloseTo(other.df, 8);
      }),
    );
  });

  it('does without the covariate where it does not vary', () => {
    const pre = { kind: 'mean', n: 3, sum: 6, sumOfSquares: 12 } as const;
    const cuped = (values: readonly number[]): VariantStatistic => {
      const post = meanOf(values) as Extract<VariantStatistic, { kind: 'mean' }>;
      return { kind: 'cuped', n: 3, post, pre, sumOfProducts: 2 * post.sum };
    };
    const adjusted = answered(growthBookEffect(cuped([1, 2, 4]), cuped([2, 5, 9]), 'absolute'));
    const plain = answered(growthBookEffect(meanOf([1, 2, 4]), meanOf([2, 5, 9]), 'absolute'));
    expect(adjusted).toEqual({ ...plain, theta: 0 });
  });

  it.each(['both', 'greater', 'lesser'] as const)('has p < α just where the interval leaves 0 out: %s', (side) => {
    fc.assert(
      fc.property(
        fc.double({ min: -6, max: 6, noNaN: true }),
        fc.integer({ min: 5, max: 100_000 }),
        fc.constantFrom(0.01, 0.05, 0.2),
        (z, n, alpha) => {
          const given: Effect = { ...effect, estimate: z, standardError: 1, df: n - 2, n };
          for (const { p, low, high } of [
            welchEffectTest(given, alpha, side),
            sequentialEffectTest(given, alpha, side),
          ]) {
            const leavesOut = (low ?? -Infinity) > 0 || (high ?? Infinity) < 0;
            if (Math.abs(p - alpha) > 1e-9) expect(p < alpha).toBe(leavesOut);
            expect(p).toBeGreaterThanOrEqual(0);
            expect(p).toBeLessThanOrEqual(1);
          }
        },
      ),
    );
  });

  it('believes the data under a flat prior, the prior when it is sharp, and scales it for absolute effects', () => {
    const flat = effectPosterior(effect, 'relative', null, 0.05);
    expect(flat.mean).toBeCloseTo(effect.estimate, 12);
    expect(flat.standardDeviation).toBeCloseTo(effect.standardError, 12);
    expect(effectPosterior(effect, 'relative', { mean: -0.3, variance: 1e-12 }, 0.05).mean).toBeCloseTo(-0.3, 6);
    expect(effectPosterior(effect, 'absolute', { mean: -0.3, variance: 1e-12 }, 0.05).mean).toBeCloseTo(-0.6, 6);
  });

  it('has risks that differ by the mean and are never negative', () => {
    const { risk, mean } = effectPosterior(effect, 'relative', null, 0.05);
    expect(risk.control - risk.treatment).toBeCloseTo(mean, 12);
    expect(effectPosterior({ ...effect, estimate: 4 }, 'relative', null, 0.05).risk.treatment).toBeGreaterThanOrEqual(
      0,
    );
  });

  it('finds more power with more units, none to add where there is enough, and says when it is out of reach', () => {
    const plan: PowerPlan = { alpha: 0.05, targetPower: 0.8, effectSize: 0.1, by: { kind: 'fixed' } };
    const power = [0, 1, 3, 9].map((added) => midExperimentPower(effect, added, plan));
    expect(power).toEqual([...power].sort((a, b) => a - b));
    const added = scalingFactor(effect, plan) as number;
    expect(midExperimentPower(effect, added, plan)).toBeCloseTo(0.8, 4);
    expect(scalingFactor(effect, { ...plan, effectSize: 1 })).toBe(0);
    expect(scalingFactor(effect, { ...plan, effectSize: 0 })).toBeNull();
  });

  it('tests a split only where units were split', () => {
    expect(sampleRatioTest([0, 0], [0.5, 0.5]).p).toBe(1);
    expect(sampleRatioTest([10], [1]).p).toBe(1);
    expect(sampleRatioTest([500, 500, 3], [0.5, 0.5, 0])).toEqual({ statistic: 0, df: 1, p: 1 });
    expect(() => sampleRatioTest([1, 2], [1])).toThrow(RangeError);
  });
});

describe('Eppo', () => {
  it("is GrowthBook's two-sided sequence at another tuning", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e7 }), fc.constantFrom(0.001, 0.05, 0.1), (n, alpha) => {
        expect(eppoMultiplier(n, alpha, 7_000)).toBeCloseTo(sequentialHalfWidth(1, n, alpha, 7_000), 9);
      }),
    );
    expect(() => eppoMultiplier(0, 0.05)).toThrow(RangeError);
  });
});

describe('Statsig', () => {
  it('asks for the same at every time, for its mixture moves along with the data', () => {
    for (const n of [100, 10_000, 1_000_000]) {
      const { critical } = answered(statsigCritical({ variance: 3, n }, { variance: 3, n }, 0.05));
      expect(critical).toBeCloseTo(3.5845, 4);
    }
  });

  it('has no answer without data or variance', () => {
    const some = { variance: 1, n: 10 };
    expect(statsigCritical({ variance: 0, n: 0 }, some, 0.05)).toEqual({ missing: 'no-data' });
    expect(statsigCritical({ variance: 0, n: 5 }, { variance: 0, n: 5 }, 0.05)).toEqual({ missing: 'no-variance' });
  });
});

describe('Spotify', () => {
  it('tests a single look at α, and an early look at α t²', () => {
    expect(groupSequentialLevels([1_000], 1_000, 0.05)[0]).toBeCloseTo(0.05, 12);
    expect(groupSequentialLevels([250, 1_000], 1_000, 0.05)[0]).toBeCloseTo(0.05 / 16, 12);
    expect(() => groupSequentialLevels([100, 100], 1_000, 0.05)).toThrow(/expected more/);
  });

  it('refuses what has no variance', () => {
    expect(welchFromSums({ n: 3, sum: 6, sumOfSquares: 12 }, { n: 3, sum: 3, sumOfSquares: 3 }, 0.05)).toEqual({
      refused: 'no-variance',
    });
    const none = { successes: 0, trials: 0 };
    expect(compareProportions(none, none, 0.05, 'z-test')).toEqual({ refused: 'no-trials' });
  });
});

describe('Kayenta', () => {
  it('labels what it can not compare, without failing it', () => {
    const any = { direction: 'either' } as const;
    expect(classifyMetric([], [1, 2], any)).toBe('Nodata');
    expect(classifyMetric([Number.NaN, Infinity], [1, 2], any)).toBe('Nodata');
    expect(classifyMetric([2, 2, 2], [2, 2], any)).toBe('Pass');
    expect(classifyMetric([5], [2], any)).toBe('Error');
    expect(mannWhitneyInterval([], [1])).toEqual({ missing: 'no-data' });
    expect(mannWhitneyInterval([5, 5], [2, 2, 2])).toEqual({ missing: 'all-tied' });
  });

  it('fails a metric only in the direction that is asked for, and only beyond the allowed ratio', () => {
    const low = [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7];
    const high = low.map((value) => value + 2);
    expect(classifyMetric(high, low, { direction: 'increase' })).toBe('High');
    expect(classifyMetric(high, low, { direction: 'decrease' })).toBe('Pass');
    expect(classifyMetric(low, high, { direction: 'either' })).toBe('Low');
    expect(classifyMetric(high, low, { direction: 'increase', allowedIncrease: 3 })).toBe('Pass');
  });

  it('holds its estimate inside its interval, and both inside the extreme differences', () => {
    fc.assert(
      fc.property(sample, sample, (x, y) => {
        const interval = mannWhitneyInterval(x, y);
        if ('missing' in interval) return;
        expect(interval.low).toBeLessThanOrEqual(interval.estimate + 1e-4);
        expect(interval.estimate).toBeLessThanOrEqual(interval.high + 1e-4);
        expect(interval.low).toBeGreaterThanOrEqual(Math.min(...x) - Math.max(...y));
        expect(interval.high).toBeLessThanOrEqual(Math.max(...x) - Math.min(...y));
      }),
      { numRuns: 60 },
    );
  });

  it('scores nothing as 0', () => {
    expect(canaryScore([])).toBe(0);
  });

  it('has no percentile and no effect size without data, no effect size without variance', () => {
    expect(percentile([], 50)).toBeNull();
    expect(() => percentile([1], 101)).toThrow(RangeError);
    expect(cohensD([], [1, 2])).toEqual({ missing: 'no-data' });
    expect(cohensD([1], [2])).toEqual({ missing: 'no-variance' });
    expect(cohensD([1, 1], [2, 2])).toEqual({ missing: 'no-variance' });
  });
});

describe('PipeCD', () => {
  it('says why there is no test', () => {
    expect(pipeCdMannWhitney([], [1])).toEqual({ missing: 'no-data' });
    expect(pipeCdMannWhitney([2, 2], [2])).toEqual({ missing: 'all-tied' });
    expect(comparePipeCd([2, 2], [2], 'EITHER')).toBe('acceptable');
  });

  it('changes its tails with the sides, exactly and in the normal approximation', () => {
    const long = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 55, maxLength: 70 });
    for (const values of [sample, long]) {
      fc.assert(
        fc.property(values, values, (x, y) => {
          const one = pipeCdMannWhitney(x, y);
          const other = pipeCdMannWhitney(y, x);
          if ('missing' in one || 'missing' in other) return;
          expect(one.u + other.u).toBe(x.length * y.length);
          expect(one.pLess).toBeCloseTo(other.pGreater, 10);
        }),
        { numRuns: 40 },
      );
    }
  });

  it('is given p = 0 by its two-sided test where ties make the distribution lopsided', () => {
    const test = answered(pipeCdMannWhitney([2, 1, 3, 5], [1, 1, 1, 1, 1]));
    expect(test.pTwoSided).toBe(0);
    expect(2 * test.pGreater).toBeCloseTo(0.0952, 4);
  });
});

describe("Brent's method", () => {
  it('finds a root to its accuracy, at the ends too, and none where the signs agree', () => {
    expect(brentRoot((x) => Math.cos(x), 0, 3, 1e-12)).toBeCloseTo(Math.PI / 2, 11);
    expect(brentRoot((x) => x ** 3 - 2, 0, 8, 1e-12)).toBeCloseTo(Math.cbrt(2), 11);
    expect(brentRoot((x) => x, 0, 1, 1e-12)).toBe(0);
    expect(brentRoot((x) => x - 1, 0, 1, 1e-12)).toBe(1);
    expect(brentRoot((x) => x * x + 1, -1, 1, 1e-12)).toBeNull();
    expect(brentRoot(() => Number.NaN, -1, 1, 1e-12)).toBeNull();
  });
});
