import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hit,
  initialTilt,
  lnELessOften,
  proofWeights,
  lnEMoreOften,
  lnETailMoreOften,
  logMeanExp,
  logSumExp,
} from '#libs/statistics';
import { courseOfRamp, type RampQuestion } from './course-of-ramp.js';
import type { PlannedMetric } from './planned-metric.js';
import { smallestEffect } from './smallest-effect.js';
import { hoursFor, type UnitsQuestion, unitsToDetect, unitsToProve } from './units-to-decide.js';
import { armSampler } from './arm-sampler.js';
import { binomial, randomStream } from './random-stream.js';
import { pointOfRuns, spreadOfRuns } from './spread-of-runs.js';
import { type ArmLaw, growthPerUnit, unitLaw } from './unit-law.js';

const alignment: PlannedMetric = { kind: 'mean', mean: 0.3, spread: 0.035 };
const errors: PlannedMetric = { kind: 'rate', rate: 0.01 };
const wrongPictures: PlannedMetric = { kind: 'lower-tail', tailShare: 0.02 };
const badEvents: PlannedMetric = { kind: 'relative-rate', rate: 0.02 };
const latency: PlannedMetric = { kind: 'upper-tail', lnSpread: 0.3 };
const usual = { share: 0.1, alpha: 0.05, power: 0.8, runs: 60 };

function detected(changes: Partial<UnitsQuestion>): number {
  const answer = unitsToDetect({ ...usual, metric: alignment, effect: 0.03, margin: 0.003, ...changes });
  return answer.missing === null ? answer.units : Infinity;
}

function proven(changes: Partial<UnitsQuestion> & { readonly toShare?: number }): number {
  const answer = unitsToProve({ ...usual, metric: alignment, effect: 0, margin: 0.01, ...changes });
  return answer.missing === null ? answer.units : Infinity;
}

describe('units to decide', () => {
  it('are the same for the same seed, and plain data', () => {
    const question = { ...usual, metric: latency, effect: 0.5, margin: 0.1 };
    const answer = unitsToDetect(question);
    expect(answer).toEqual(unitsToDetect(question));
    expect(answer).not.toEqual(unitsToDetect({ ...question, seed: 2 }));
    expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
  });

  it('grow as the effect nears the margin, with the power, with a stricter level, and at a smaller share', () => {
    expect(detected({ effect: 0.01 })).toBeGreaterThan(detected({}));
    expect(detected({ power: 0.95 })).toBeGreaterThan(detected({ power: 0.5 }));
    expect(detected({ alpha: 0.001 })).toBeGreaterThan(detected({}));
    expect(detected({ share: 0.02 })).toBeGreaterThan(detected({}));
    expect(proven({ effect: 0.005 })).toBeGreaterThan(proven({}));
    expect(proven({ effect: 0 })).toBeGreaterThan(proven({ effect: -0.005 }));
    expect(proven({})).toBeGreaterThan(proven({ toShare: 0.5 }));
    expect(proven({ toShare: 0.5 })).toBeGreaterThan(proven({ toShare: 0.05 }));
  });

  it('lie where the growth rate says, within a factor of two', () => {
    for (const [metric, effect, margin] of [
      [alignment, 0.03, 0.003],
      [errors, 0.09, 0.005],
      [wrongPictures, 3, 0.5],
      [latency, 0.4, 0.1],
    ] as const) {
      const answer = unitsToDetect({ ...usual, metric, effect, margin });
      if (answer.missing !== null) throw new Error(answer.missing);
      expect(answer.median).toBeLessThan(2 * answer.unitsByGrowth);
      expect(answer.median).toBeGreaterThan(answer.unitsByGrowth / 2);
      expect(answer.p10).toBeLessThanOrEqual(answer.median as number);
      expect(answer.p90).toBeGreaterThanOrEqual(answer.units);
      expect(answer.candidateUnits).toBeCloseTo(answer.units * usual.share, 9);
    }
  });

  it('say why no number is enough', () => {
    const ask = { ...usual, metric: alignment, margin: 0.01 };
    expect(unitsToDetect({ ...ask, effect: 0.01 })).toEqual({ missing: 'effect-within-margin' });
    expect(unitsToDetect({ ...ask, effect: -1 })).toEqual({ missing: 'effect-within-margin' });
    expect(unitsToDetect({ ...ask, effect: 0.010001 })).toEqual({ missing: 'too-close-to-margin' });
    expect(unitsToProve({ ...ask, effect: 0.01 })).toEqual({ missing: 'effect-beyond-margin' });
    expect(unitsToProve({ ...ask, effect: 0.009999 })).toEqual({ missing: 'too-close-to-margin' });
    expect(unitsToDetect({ ...ask, effect: 0.1, share: 0 })).toEqual({ missing: 'not-randomised' });
    expect(unitsToProve({ ...ask, effect: 0, share: 1 })).toEqual({ missing: 'not-randomised' });
    expect(unitsToDetect({ ...ask, metric: errors, effect: 0.9, margin: 0.6 })).toEqual({
      missing: 'margin-beyond-range',
    });
    const never: PlannedMetric = { kind: 'relative-rate', rate: 0 };
    expect(unitsToProve({ ...ask, metric: never, effect: 0 })).toEqual({ missing: 'no-events' });
  });

  it('are answered where nothing varies or nothing bad ever happens', () => {
    expect(detected({ metric: { kind: 'mean', mean: 2, spread: 0 }, effect: 0.2, margin: 0.1 })).toBeLessThan(1_000);
    expect(proven({ metric: { kind: 'mean', mean: 0, spread: 0 }, margin: 0.1 })).toBeLessThan(3_000);
    expect(proven({ metric: { kind: 'rate', rate: 0 }, margin: 0.05 })).toBeLessThan(20_000);
  });

  it('refuse numbers that make no sense', () => {
    expect(() => detected({ metric: errors, effect: 1 })).toThrow("candidate's rate 1.01");
    expect(() => detected({ metric: wrongPictures, effect: -2 })).toThrow("candidate's rate -0.02");
    expect(() => detected({ metric: { kind: 'upper-tail', lnSpread: 0 } })).toThrow('lnSpread 0');
    expect(() => detected({ metric: { kind: 'mean', mean: 1, spread: -1 } })).toThrow('spread -1');
    expect(() => detected({ margin: -1 })).toThrow('margin -1');
    expect(() => detected({ alpha: 0 })).toThrow('alpha 0');
    expect(() => detected({ power: 1 })).toThrow('power 1');
    expect(() => detected({ share: 2 })).toThrow('share 2');
    expect(() => detected({ runs: 0 })).toThrow('runs 0');
    expect(() => proven({ toShare: 0 })).toThrow('toShare 0');
  });

  it('become hours', () => {
    expect(hoursFor(500, 1_000)).toBe(0.5);
    expect(hoursFor(0, 0)).toBe(0);
    expect(hoursFor(1, 0)).toBeNull();
    expect(() => hoursFor(-1, 1)).toThrow('units -1');
  });
});

describe('the smallest effect', () => {
  it('is the one whose units are those asked about', () => {
    const units = 2_000;
    const found = smallestEffect({ ...usual, metric: alignment, margin: 0.003, units });
    if (found.missing !== null) throw new Error(found.missing);
    expect(found.effect).toBeGreaterThan(0.003);
    expect(found.powerReached).toBeGreaterThanOrEqual(0.8);
    const needed = detected({ effect: found.effect });
    expect(needed).toBeLessThanOrEqual(units);
    expect(needed).toBeGreaterThan(0.7 * units);
  });

  it('says when nothing is found in time', () => {
    expect(smallestEffect({ ...usual, metric: alignment, margin: 0.003, units: 3 })).toEqual({
      missing: 'not-enough-units',
    });
    expect(smallestEffect({ ...usual, metric: { kind: 'rate', rate: 1 }, margin: 0.1, units: 999 })).toEqual({
      missing: 'not-enough-units',
    });
    expect(smallestEffect({ ...usual, metric: alignment, margin: 0.003, units: 999, share: 0 })).toEqual({
      missing: 'not-randomised',
    });
  });
});

describe('the course of a ramp', () => {
  const question: RampQuestion = {
    guardrails: [
      { name: 'alignment', metric: alignment, margin: 0.01 },
      { name: 'latency', metric: latency, margin: 0.3 },
    ],
    ladderPpm: [50_000, 200_000, 500_000, 1_000_000],
    alpha: 0.05,
    runs: 30,
  };
  const bad = (effect: number) => ({
    ...question,
    guardrails: question.guardrails.map((guardrail, index) => (index === 0 ? { ...guardrail, effect } : guardrail)),
  });

  it('promotes an equal candidate, and adds up', () => {
    const course = courseOfRamp({ ...question, unitsPerHour: 1_000 });
    if (course.missing !== null) throw new Error(course.missing);
    expect(course.promoted).toBeGreaterThan(0.9);
    expect(course.promoted + course.rolledBack + course.undecided).toBeCloseTo(1, 12);
    expect(course.rungs.map(({ sharePpm }) => sharePpm)).toEqual([50_000, 200_000, 500_000]);
    expect(course.rungs[0]?.reached).toBe(1);
    const { untilPromotion } = course;
    expect(untilPromotion?.candidateUnits.median).toBeLessThan(0.5 * (untilPromotion?.units.median as number));
    expect(untilPromotion?.hours?.median).toBeCloseTo((untilPromotion?.units.median as number) / 1_000, 9);
    expect(courseOfRamp({ ...question, unitsPerHour: 1_000 })).toEqual(course);
    expect(JSON.parse(JSON.stringify(course))).toEqual(course);
  });

  it('rolls a bad one back, sooner the worse it is, on account of the guardrail it breaks', () => {
    const [mild, gross] = [courseOfRamp(bad(0.03)), courseOfRamp(bad(0.1))];
    if (mild.missing !== null || gross.missing !== null) throw new Error('no course');
    expect(mild.rolledBack).toBeGreaterThan(0.9);
    expect(mild.rolledBackBy['alignment']).toBeGreaterThan(0.9);
    expect(gross.untilRollback?.candidateUnits.median).toBeLessThan(
      mild.untilRollback?.candidateUnits.median as number,
    );
    expect(gross.untilRollback?.hours).toBeNull();
  });

  it('leaves undecided what the units do not suffice for, and knows no hours without traffic', () => {
    expect(courseOfRamp({ ...question, mostUnits: 50 })).toMatchObject({ undecided: 1, untilPromotion: null });
    const stalled = courseOfRamp({ ...question, unitsPerHour: [0, 0, 0] });
    expect(stalled.missing === null && stalled.untilPromotion?.hours?.median).toBeNull();
  });

  it('says why there is no course', () => {
    expect(courseOfRamp(bad(0.01))).toEqual({ missing: 'effect-at-margin', guardrail: 'alignment' });
    const guardrail = { name: 'errors', metric: errors, margin: 0 };
    expect(courseOfRamp({ ...question, guardrails: [guardrail] })).toEqual({
      missing: 'margin-is-zero',
      guardrail: 'errors',
    });
    expect(() => courseOfRamp({ ...question, ladderPpm: [500_000, 100_000] })).toThrow('rung 100000');
    expect(() => courseOfRamp({ ...question, ladderPpm: [1_000_000] })).toThrow('100 % alone');
    expect(() => courseOfRamp({ ...question, guardrails: [] })).toThrow('guardrails 0');
    expect(() => courseOfRamp({ ...question, unitsPerHour: [1] })).toThrow('1 traffics of 3 rungs');
  });
});

describe('what the simulation adds up', () => {
  it('is the ln E of the tilt, for any events', () => {
    const boundaries = { margin: 0.5, harmfulAt: [0.5], nonInferiorAt: [0.5] };
    const event = fc.record({ arm: fc.constantFrom('control', 'candidate'), share: fc.constantFrom(0.05, 0.5) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const state = initialTilt();
        const sums = new Float64Array(16);
        for (const { arm, share } of events) {
          hit(state, arm, share);
          const increments = unitLaw(badEvents, 0, share, boundaries).arms[arm].increments[1] as Float64Array;
          increments.forEach((value, k) => (sums[k] = (sums[k] as number) + value));
        }
        expect(logMeanExp(sums.subarray(0, 8))).toBeCloseTo(lnEMoreOften(state, Math.log(1.5)), 10);
        expect(logMeanExp(sums.subarray(8))).toBeCloseTo(lnELessOften(state, Math.log(1.5)), 10);
      }),
      { numRuns: 50 },
    );
  });

  it('is the ln E of the nested tails, for any events', () => {
    const boundaries = { margin: 0.5, harmfulAt: [0.5], nonInferiorAt: [0.5] };
    const { lnWeights } = unitLaw(wrongPictures, 0, 0.5, boundaries);
    const event = fc.record({
      arm: fc.constantFrom('control', 'candidate'),
      share: fc.constantFrom(0.05, 0.5),
      isFar: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const [near, far] = [initialTilt(), initialTilt()];
        const sums = new Float64Array(24);
        for (const { arm, share, isFar } of events) {
          hit(near, arm, share);
          if (isFar) hit(far, arm, share);
          const { increments } = unitLaw(wrongPictures, 0, share, boundaries).arms[arm];
          increments[isFar ? 2 : 1]?.forEach((value, k) => (sums[k] = (sums[k] as number) + value));
        }
        const lnE = (from: number): number =>
          logSumExp(sums.map((sum, k) => sum + (lnWeights[k] as number)).subarray(from, from + 12));
        expect(lnE(0)).toBeCloseTo(lnETailMoreOften(near, far, Math.log(1.5)), 10);
        expect(lnE(12)).toBeCloseTo(lnELessOften(near, Math.log(1.5), proofWeights(1).tilts), 10);
      }),
      { numRuns: 50 },
    );
  });

  it('has factors of expectation 1 at the boundary, 1 or less on its null side', () => {
    for (const [metric, margin] of [
      [alignment, 0.01],
      [errors, 0.02],
      [badEvents, 0.5],
      [wrongPictures, 0.5],
      [latency, 0.1],
    ] as const) {
      const expected = (effect: number, test: number) => {
        const { share, arms, perTest } = unitLaw(metric, effect, 0.2, {
          margin,
          harmfulAt: [margin],
          nonInferiorAt: [margin],
        });
        const k = test * perTest + 3;
        return share * meanFactor(arms.candidate, k) + (1 - share) * meanFactor(arms.control, k);
      };
      for (const test of [0, 1]) expect(expected(margin, test)).toBeCloseTo(1, 5);
      expect(expected(0, 0)).toBeLessThan(1);
      expect(expected(1.5 * margin, 1)).toBeLessThan(1);
    }
  });

  it('has the mean and the variance of single values, however many are added at once', () => {
    const { arms } = unitLaw(alignment, 0.02, 0.05, { margin: 0.003, harmfulAt: [0.003], nonInferiorAt: [0.06] });
    const draws = 3_000;
    for (const arm of ['control', 'candidate'] as const) {
      const add = armSampler(arms[arm]);
      const random = randomStream(5, 0);
      for (const component of [2, 5, 9]) {
        const { mean, variance } = momentsOf(arms[arm], component);
        const sums = Array.from({ length: draws }, () => {
          const sum = new Float64Array(14);
          add(sum, 20, random);
          return sum[component] as number;
        });
        const reached = sums.reduce((total, value) => total + value, 0) / draws;
        const spread = sums.reduce((total, value) => total + (value - reached) ** 2, 0) / draws;
        expect(Math.abs(reached - 20 * mean)).toBeLessThan(4 * Math.sqrt((20 * variance) / draws));
        expect(Math.abs(spread / (20 * variance) - 1)).toBeLessThan(0.15);
      }
    }
  });

  it('draws binomial counts, one by one or at once', () => {
    const random = randomStream(9, 1);
    for (const [n, p] of [
      [50, 0.02],
      [40, 0.9],
      [5_000, 0.3],
      [100_000, 0.0001],
    ] as const) {
      const draws = Array.from({ length: 2_000 }, () => binomial(random, n, p));
      const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
      const variance = draws.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.length;
      expect(Math.abs(mean - n * p)).toBeLessThan(4 * Math.sqrt((n * p * (1 - p)) / draws.length));
      expect(Math.abs(variance / (n * p * (1 - p)) - 1)).toBeLessThan(0.15);
    }
    expect(binomial(random, 10, 1)).toBe(10);
    expect(binomial(random, 10, 0)).toBe(0);
  });

  it('grows at most at the rate of the best bet, and not at all on the null side', () => {
    const law = unitLaw(alignment, 0, 0.1, { margin: 0.01, harmfulAt: [0.01], nonInferiorAt: [0.01] });
    expect(growthPerUnit(law, 0)).toBeLessThan(0);
    expect(growthPerUnit(law, 1)).toBeGreaterThan(0);
  });

  it('says where runs ended, and null where they did not', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(spreadOfRuns(values)).toEqual({ p10: 10, median: 50, p90: 90, standardError: 5 });
    expect(pointOfRuns([1, 2, Infinity], 0.9)).toEqual({ at: null, standardError: null });
    expect(spreadOfRuns([])).toEqual({ p10: null, median: null, p90: null, standardError: null });
  });
});

function meanFactor({ probabilities, increments }: ArmLaw, component: number): number {
  return probabilities.reduce((sum, p, i) => sum + p * Math.exp(increments[i]?.[component] as number), 0);
}

function momentsOf({ probabilities, increments }: ArmLaw, component: number): { mean: number; variance: number } {
  const values = increments.map((row) => row[component] as number);
  const mean = values.reduce((sum, value, i) => sum + value * (probabilities[i] as number), 0);
  return {
    mean,
    variance: values.reduce((sum, value, i) => sum + (value - mean) ** 2 * (probabilities[i] as number), 0),
  };
}
