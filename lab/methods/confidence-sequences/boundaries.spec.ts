import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bernoulliInterval, betaBinomialMixture, mixtureBound } from '#libs/statistics';
import { simulationRandom } from '#libs/testing/random';
import {
  averageEffectInterval,
  initialAverageEffect,
  lnEAverageEffect,
  observeAverageEffect,
} from './average-treatment-effect.js';
import { expectedCountInterval, lnEEqualIntensities } from './counting-processes.js';
import { doubleStitchingBound } from './double-stitching.js';
import {
  empiricalBernsteinInterval,
  initialEmpiricalBernstein,
  observeEmpiricalBernstein,
} from './empirical-bernstein-sequence.js';
import { closedDkwRadius, timeUniformDkwRadius } from './empirical-process-band.js';
import { gammaExponentialMixture, gammaPoissonMixture } from './gamma-mixtures.js';
import {
  linearModelInterval,
  linearModelRadius,
  linearModelRadiusLargeSample,
  lnELinearModel,
  tightestPriorWeight,
} from './linear-model-sequence.js';
import { oneSidedNormalMixture, twoSidedNormalMixture } from './normal-mixture.js';

const tuning = { at: 100, alpha: 0.05 };

describe('mixture boundaries', () => {
  const mixtures = {
    'one-sided normal': oneSidedNormalMixture(tuning),
    'two-sided normal': twoSidedNormalMixture(tuning),
    'gamma-exponential': gammaExponentialMixture(2, tuning),
    'gamma-Poisson': gammaPoissonMixture(2, tuning),
    'beta-binomial': betaBinomialMixture(0.2, 0.8, tuning),
  };

  it.each(Object.entries(mixtures))('%s: E is 1/α at the bound and rises through it', (_name, mixture) => {
    for (const v of [5, 100, 10_000]) {
      const bound = mixtureBound(mixture, v, 0.05);
      expect(bound).toBeLessThanOrEqual(mixture.largest(v));
      if (bound === mixture.largest(v)) continue;
      expect(mixture.lnE(bound, v)).toBeCloseTo(Math.log(20), 8);
      expect(mixture.lnE(1.01 * bound, v)).toBeGreaterThan(mixture.lnE(bound, v));
      expect(mixtureBound(mixture, v, 0.01)).toBeGreaterThan(bound);
    }
  });

  it('are heavier-tailed the larger the scale, and normal where it vanishes', () => {
    const normal = mixtureBound(oneSidedNormalMixture(tuning), 100, 0.05);
    const small = mixtureBound(gammaExponentialMixture(0.05, tuning), 100, 0.05);
    expect(small / normal).toBeCloseTo(1, 2);
    expect(mixtureBound(gammaExponentialMixture(5, tuning), 100, 0.05)).toBeGreaterThan(1.1 * normal);
    expect(mixtureBound(gammaPoissonMixture(0.05, tuning), 100, 0.05) / normal).toBeCloseTo(1, 2);
  });

  it('have a finite logarithm far below 0, and refuse a scale that is none', () => {
    expect(gammaExponentialMixture(2, tuning).lnE(-1e6, 10)).toBeCloseTo(-12.808, 3);
    expect(gammaPoissonMixture(2, tuning).lnE(-1e6, 10)).toBe(-Number.MAX_VALUE);
    expect(oneSidedNormalMixture(tuning).lnE(-1e6, 10)).toBeLessThan(-10);
    expect(() => gammaExponentialMixture(0, tuning)).toThrow('scale 0');
    expect(() => betaBinomialMixture(0, 1, tuning)).toThrow('expected two positive numbers');
  });

  it('end at the largest sum there can be', () => {
    expect(mixtureBound(betaBinomialMixture(0.9, 0.1, tuning), 0.09 * 5, 0.05)).toBeCloseTo(0.1 * 5, 12);
  });
});

describe('Bernoulli sequence', () => {
  it('contains the observed rate, and mirrors failures and successes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, share) => {
        const successes = Math.round(n * share);
        const { low, high } = bernoulliInterval(successes, n, 0.05);
        expect(low).toBeLessThanOrEqual(successes / n);
        expect(high).toBeGreaterThanOrEqual(successes / n);
        const mirrored = bernoulliInterval(n - successes, n, 0.05);
        expect(mirrored.low).toBeCloseTo(1 - high, 12);
      }),
    );
  });

  it('has answers for no trials and for nothing but failures', () => {
    expect(bernoulliInterval(0, 0, 0.05)).toEqual({ low: 0, high: 1 });
    const none = bernoulliInterval(0, 10_000, 0.05);
    expect(none.low).toBe(0);
    expect(none.high).toBeLessThan(0.003);
    expect(() => bernoulliInterval(3, 2, 0.05)).toThrow('3 successes of 2 trials');
  });
});

describe('bands for the distribution function', () => {
  it('know nothing before they begin, and the closed form is a little wider than the one that begins at once', () => {
    expect(timeUniformDkwRadius(50, 0.05, 100)).toBe(1);
    expect(closedDkwRadius(0, 0.05)).toBe(1);
    for (const n of [100, 10_000, 1e6]) {
      const ratio = closedDkwRadius(n, 0.05) / timeUniformDkwRadius(n, 0.05, 1);
      expect(ratio).toBeGreaterThan(1);
      expect(ratio).toBeLessThan(1.02);
    }
    expect(() => timeUniformDkwRadius(100, 0.05, 1, 0.7)).toThrow('leading constant 0.7');
  });

  it('narrow to the tails when stitched over quantiles as well', () => {
    expect(stitchedRadius(0.99)).toBeLessThan(stitchedRadius(0.9));
    expect(stitchedRadius(0.9)).toBeLessThan(stitchedRadius(0.5));
    expect(stitchedRadius(0.99)).toBeLessThan(timeUniformDkwRadius(10_000, 0.05, 100));
    expect(() => doubleStitchingBound(1, 100, 0.05, { from: 10 })).toThrow('quantile 1');
    expect(() => doubleStitchingBound(0.5, 100, 0.05, { from: 10, s: 1 })).toThrow('exponent 1');
  });
});

describe('empirical-Bernstein sequence', () => {
  it('narrows to the mean, faster the less the values vary', () => {
    const widths = [0.4, 0.05].map((spread) => {
      const random = simulationRandom(7);
      const state = initialEmpiricalBernstein(0.05);
      for (let i = 0; i < 5_000; i++) observeEmpiricalBernstein(state, 0.5 + spread * (random.uniform() - 0.5));
      const { low, high } = empiricalBernsteinInterval(state) as { low: number; high: number };
      expect(low).toBeLessThan(0.5);
      expect(high).toBeGreaterThan(0.5);
      return high - low;
    });
    expect(widths[1]).toBeLessThan(0.5 * (widths[0] as number));
  });

  it('has answers for no values and constant ones, and refuses what is outside of its bounds', () => {
    const state = initialEmpiricalBernstein(0.05);
    expect(empiricalBernsteinInterval(state)).toBeNull();
    expect(observeEmpiricalBernstein(state, Number.NaN)).toBe(false);
    for (let i = 0; i < 500; i++) observeEmpiricalBernstein(state, 1);
    expect(empiricalBernsteinInterval(state)).toMatchObject({ mean: 1, high: 1 });
    expect(() => observeEmpiricalBernstein(state, 1.5)).toThrow('value 1.5');
    expect(() => initialEmpiricalBernstein(0.05, 1)).toThrow('largest bet 1');
  });
});

describe('average effect', () => {
  const design = { lo: 0, hi: 10, smallestShare: 0.2, tightestAt: 2_000 };

  it('is found in the unit of the outcomes, within what the bounds allow', () => {
    const random = simulationRandom(13);
    const state = initialAverageEffect();
    expect(averageEffectInterval(state, design, 0.05)).toBeNull();
    expect(lnEAverageEffect(state, design, 0.05)).toBe(0);
    observeAverageEffect(state, design, 'control', 0.2, 5);
    expect(averageEffectInterval(state, design, 0.05)).toMatchObject({ low: -10, high: 10 });
    for (let i = 0; i < 5_000; i++) {
      const propensity = i % 2 === 0 ? 0.2 : 0.5;
      const isCandidate = random.uniform() < propensity;
      const value = 5 + random.normal() + (isCandidate ? 2 : 0);
      observeAverageEffect(state, design, isCandidate ? 'candidate' : 'control', propensity, value);
    }
    const { effect, low, high } = averageEffectInterval(state, design, 0.05) as {
      effect: number;
      low: number;
      high: number;
    };
    expect(Math.abs(effect - 2)).toBeLessThan(0.2);
    expect(low).toBeGreaterThan(0);
    expect(high).toBeLessThan(4);
    expect(lnEAverageEffect(state, design, 0.05)).toBeGreaterThan(Math.log(40));
  });

  it('clips outcomes, skips NaN and refuses a share that was not foreseen', () => {
    const state = initialAverageEffect();
    expect(observeAverageEffect(state, design, 'control', 0.5, Number.NaN)).toBe(false);
    observeAverageEffect(state, design, 'control', 0.5, Infinity);
    expect(state.control).toEqual({ n: 1, sum: 1 });
    expect(() => observeAverageEffect(state, design, 'control', 0.01, 1)).toThrow('propensity 0.01');
  });
});

describe('linear model', () => {
  it('reaches 1/α at its radius, and the large-sample radius for many degrees of freedom', () => {
    for (const [n, g] of [
      [50, 10],
      [1_000, 100],
      [1e6, 500],
    ] as const) {
      const radius = linearModelRadius(n, 3, g, 0.05);
      expect(lnELinearModel(radius, n, 3, g)).toBeCloseTo(Math.log(20), 8);
      expect(radius).toBeGreaterThan(linearModelRadiusLargeSample(n, g, 0.05));
    }
    expect(linearModelRadius(1e6, 3, 500, 0.05) / linearModelRadiusLargeSample(1e6, 500, 0.05)).toBeCloseTo(1, 4);
  });

  it('knows nothing with too few units', () => {
    expect(lnELinearModel(99, 3, 3, 10)).toBe(0);
    expect(linearModelRadius(3, 3, 10, 0.05)).toBe(Infinity);
    expect(linearModelInterval({ estimate: 1, standardError: 1, n: 4, coefficients: 3 }, 10, 0.05)).toBeNull();
    expect(tightestPriorWeight(4, 3, 0.05)).toBeNull();
    expect(() => lnELinearModel(1, 10, 2, 0)).toThrow('prior weight 0');
  });
});

describe('counting processes', () => {
  it('are compared symmetrically, and equal counts speak for equality', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 3_000 }), (a, b) => {
        expect(lnEEqualIntensities(a, b, 10)).toBeCloseTo(lnEEqualIntensities(b, a, 10), 9);
        expect(lnEEqualIntensities(a, a, 10)).toBeLessThanOrEqual(1e-9);
      }),
    );
  });

  it('enclose the count, also none', () => {
    const none = expectedCountInterval(0, 1, 0.05);
    expect(none.low).toBe(0);
    expect(none.high).toBeGreaterThan(3);
    const many = expectedCountInterval(500, 10, 0.05);
    expect(many.low).toBeLessThan(500);
    expect(many.high).toBeGreaterThan(500);
    expect(() => lnEEqualIntensities(-1, 1, 10)).toThrow('count -1');
    expect(() => lnEEqualIntensities(1, 1, 0)).toThrow('concentration 0');
  });
});

function stitchedRadius(p: number): number {
  return doubleStitchingBound(p, 10_000, 0.05, { from: 100 }) / 10_000;
}
