import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Arm,
  doublyRobustDifference,
  initialMeanDifference,
  meanDifference,
  type MeanDifference,
  mergeMeanDifference,
  observeMean,
} from '#libs/statistics';
import { simulationRandom } from '#libs/testing/random';
import { NEW_UNIT, type UnitTotals } from '../summaries/cluster-moments.js';
import {
  adjustedMeanDifference,
  initialAdjustedMeanDifference,
  mergeAdjustedMeanDifference,
  observeAdjusted,
} from './adjusted-mean-difference.js';
import {
  clusteredMeanDifference,
  initialClusteredMeanDifference,
  mergeClusteredMeanDifference,
  observeClustered,
} from './clustered-mean-difference.js';

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
    const random = simulationRandom(11);
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
    const random = simulationRandom(3);
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

  it('shows the plain difference, which at a small share is steadier than the doubly robust one', () => {
    let plain = 0;
    let robust = 0;
    for (let run = 0; run < 150; run++) {
      const state = drawn(simulationRandom(100 + run), 500, 0.02, 1);
      plain += ((meanDifference(state, 0.05).difference ?? 0) - 1) ** 2;
      robust += ((doublyRobustDifference(state)?.difference ?? 0) - 1) ** 2;
    }
    expect(plain).toBeLessThan(0.75 * robust);
  });

  it('always shows an estimate within its interval, also where the draws are far from the propensity', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.integer({ min: -50, max: 50 }),
        (seed, share, effect) => {
          // The propensity says a half, whatever the share: what a sample-ratio mismatch looks like.
          const { difference, interval } = meanDifference(
            drawn(simulationRandom(seed), 3_000, share, effect, 0.5),
            0.05,
          );
          expect(difference).toBeGreaterThanOrEqual(interval?.low ?? Infinity);
          expect(difference).toBeLessThanOrEqual(interval?.high ?? -Infinity);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('flips its sign when the arms are swapped', () => {
    const [state, swapped] = [initialMeanDifference(), initialMeanDifference()];
    const random = simulationRandom(4);
    for (let i = 0; i < 3_000; i++) {
      const isCandidate = random.uniform() < 0.2;
      const value = random.normal() + (isCandidate ? 0.5 : 0);
      observeMean(state, isCandidate ? 'candidate' : 'control', 0.2, value);
      observeMean(swapped, isCandidate ? 'control' : 'candidate', 0.8, value);
    }
    const [one, other] = [meanDifference(state, 0.05), meanDifference(swapped, 0.05)];
    expect(other.difference).toBeCloseTo(-(one.difference ?? 9), 12);
    expect(other.interval?.low).toBeCloseTo(-(one.interval?.high ?? 9), 12);
  });
});

describe('difference of means over clusters', () => {
  it('says why it has no interval, and skips what is not finite or not random', () => {
    const state = initialClusteredMeanDifference();
    expect(clusteredMeanDifference(state, 0.05)).toMatchObject({ difference: null, missing: 'no-data' });
    expect(observeClustered(state, 'control', 0.5, NEW_UNIT, Number.NaN)).toBe(NEW_UNIT);
    expect(observeClustered(state, 'control', 1, NEW_UNIT, 3)).toBe(NEW_UNIT);
    for (let i = 0; i < 20; i++) observeClustered(state, armOf(i), 0.5, NEW_UNIT, i);
    expect(clusteredMeanDifference(state, 0.05)).toMatchObject({ difference: 1, interval: null, missing: 'burn-in' });
    const constant = initialClusteredMeanDifference();
    for (let i = 0; i < 400; i++) observeClustered(constant, armOf(i), 0.5, NEW_UNIT, 7);
    expect(clusteredMeanDifference(constant, 0.05)).toMatchObject({ difference: 0, missing: 'no-variance' });
  });

  it('is as wide as the units demand, not the values', () => {
    const perUnit = clusteredWidth(1);
    const repeated = clusteredWidth(10);
    expect(repeated / perUnit).toBeCloseTo(1, 6);
  });

  it('merges disjoint units exactly, over stages', () => {
    const random = simulationRandom(10);
    const [whole, a, b] = [0, 0, 0].map(() => initialClusteredMeanDifference(1)) as [State, State, State];
    for (let unit = 0; unit < 1_000; unit++) {
      const arm = armOf(unit);
      const propensity = unit < 400 ? 0.1 : 0.5;
      let [ofWhole, ofPart]: UnitTotals[] = [NEW_UNIT, NEW_UNIT];
      for (let i = 0; i <= unit % 4; i++) {
        const value = 1 + random.normal();
        ofWhole = observeClustered(whole, arm, propensity, ofWhole as UnitTotals, value);
        ofPart = observeClustered(unit % 3 === 0 ? a : b, arm, propensity, ofPart as UnitTotals, value);
      }
    }
    expect(mergeClusteredMeanDifference(a, b)).toEqual(mergeClusteredMeanDifference(b, a));
    const merged = clusteredMeanDifference(mergeClusteredMeanDifference(a, b), 0.05);
    const folded = clusteredMeanDifference(whole, 0.05);
    expect(merged.difference).toBeCloseTo(folded.difference ?? 9, 10);
    expect(merged.interval?.low).toBeCloseTo(folded.interval?.low ?? 9, 10);
    expect(() => mergeClusteredMeanDifference(a, initialClusteredMeanDifference(2))).toThrow('expected one centre');
  });

  type State = ReturnType<typeof initialClusteredMeanDifference>;
});

describe('adjusted difference of means', () => {
  it('says why it has no interval', () => {
    const state = initialAdjustedMeanDifference();
    expect(adjustedMeanDifference(state, 0.05)).toMatchObject({ difference: null, missing: 'no-data' });
    expect(observeAdjusted(state, 'control', 0.5, Number.NaN, 1)).toBe(false);
    for (let i = 0; i < 20; i++) observeAdjusted(state, armOf(i), 0.5, 1, 1);
    expect(adjustedMeanDifference(state, 0.05)).toMatchObject({ difference: 0, missing: 'burn-in' });
    for (let i = 0; i < 400; i++) observeAdjusted(state, armOf(i), 0.5, 1, 1);
    expect(adjustedMeanDifference(state, 0.05)).toMatchObject({ difference: 0, missing: 'no-variance' });
  });

  it('is narrower by what the covariate explains, around the same effect, and merges', () => {
    const random = simulationRandom(12);
    const [a, b] = [initialAdjustedMeanDifference(), initialAdjustedMeanDifference()];
    const [plain, whole] = [initialMeanDifference(), initialAdjustedMeanDifference()];
    for (let i = 0; i < 4_000; i++) {
      const arm: Arm = random.uniform() < 0.5 ? 'candidate' : 'control';
      const covariate = random.normal();
      const value = 0.9 * covariate + Math.sqrt(1 - 0.81) * random.normal() + (arm === 'candidate' ? 0.1 : 0);
      observeAdjusted(i % 2 === 0 ? a : b, arm, 0.5, covariate, value);
      observeAdjusted(whole, arm, 0.5, covariate, value);
      observeMean(plain, arm, 0.5, value);
    }
    const adjusted = adjustedMeanDifference(mergeAdjustedMeanDifference(a, b), 0.05);
    const unadjusted = meanDifference(plain, 0.05);
    const width = ({ interval }: typeof adjusted): number => (interval?.high ?? 0) - (interval?.low ?? 0);
    expect(width(adjusted) / width(unadjusted)).toBeCloseTo(Math.sqrt(1 - 0.81), 1);
    expect(adjusted.interval?.low).toBeGreaterThan(0);
    expect(adjusted.interval?.high).toBeLessThan(0.2);
    expect((adjusted.candidate ?? 0) - (adjusted.control ?? 0)).toBeCloseTo(adjusted.difference ?? 9, 12);
    expect(mergeAdjustedMeanDifference(a, b)).toEqual(mergeAdjustedMeanDifference(b, a));
    expect(adjusted.difference).toBeCloseTo(adjustedMeanDifference(whole, 0.05).difference ?? 9, 10);
  });
});

function armOf(index: number): Arm {
  return index % 2 === 0 ? 'control' : 'candidate';
}

/** `n` values around 10, spread 1, of which a share comes from the candidate, said to be drawn with `propensity`. */
function drawn(
  random: ReturnType<typeof simulationRandom>,
  n: number,
  share: number,
  effect: number,
  propensity = share,
): MeanDifference {
  const state = initialMeanDifference();
  for (let i = 0; i < n; i++) {
    const isCandidate = random.uniform() < share;
    observeMean(
      state,
      isCandidate ? 'candidate' : 'control',
      propensity,
      10 + (isCandidate ? effect : 0) + random.normal(),
    );
  }
  return state;
}

/** Every unit shows the same value again and again. */
function clusteredWidth(repeats: number): number {
  const random = simulationRandom(9);
  const state = initialClusteredMeanDifference(0.3);
  for (let unit = 0; unit < 600; unit++) {
    const value = 0.3 + 0.05 * random.normal();
    let totals: UnitTotals = NEW_UNIT;
    for (let i = 0; i < repeats; i++) totals = observeClustered(state, armOf(unit), 0.5, totals, value);
  }
  const { interval } = clusteredMeanDifference(state, 0.05);
  return (interval?.high ?? 0) - (interval?.low ?? 0);
}
