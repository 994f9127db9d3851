import { describe, expect, it } from 'vitest';
import golden from '../../../libs/testing/golden/fixed_horizon.json' with { type: 'json' };
import type { Alternative } from './alternative.js';
import { brunnerMunzelTest } from './brunner-munzel.js';
import type { ConfidenceInterval } from './confidence-interval.js';
import {
  type EquivalenceResult,
  equivalenceTest,
  type NonInferiorityResult,
  nonInferiorityTest,
  pairedEquivalenceTest,
  pairedNonInferiorityTest,
} from './equivalence.js';
import { mannWhitneyTest } from './mann-whitney.js';
import { mcnemarTest } from './mcnemar.js';
import { midranks, pooled } from './midranks.js';
import { proportionInterval, type ProportionIntervalMethod } from './proportion-interval.js';
import { pairwiseProportionTests, proportionsChiSquareTest } from './proportions-chi-square.js';
import type { Refused } from './refusal.js';
import {
  type DifferenceIntervalMethod,
  proportionDifferenceInterval,
  proportionRatioInterval,
} from './two-proportion-intervals.js';
import { twoProportionTest } from './two-proportions.js';
import { type MeanRefusal, welchTest } from './welch.js';

type Counts = [x1: number, n1: number, x2: number, n2: number];
type Given = readonly (number | 'inf')[];
type Ranked = [x: Given, y: Given, alternative: Alternative];

/** Ours as the numbers another implementation gave, in its order. */
const ours: Readonly<Record<string, (...args: never[]) => readonly number[]>> = {
  welchTest: (x: number[], y: number[], alternative: Alternative) => {
    const { statistic, df, p } = answered(welchTest(x, y, { alternative }));
    return [statistic, df, p];
  },
  'welch interval': (x: number[], y: number[], alpha: number) => ends(answered(welchTest(x, y, { alpha })).interval),
  equivalenceTest: (x: number[], y: number[], margin: number) => bothSides(equivalenceTest(x, y, { margin })),
  pairedEquivalenceTest: (x: number[], y: number[], margin: number) =>
    bothSides(pairedEquivalenceTest(x, y, { margin })),
  nonInferiorityTest: (x: number[], y: number[], margin: number) => oneSide(nonInferiorityTest(x, y, { margin })),
  pairedNonInferiorityTest: (x: number[], y: number[], margin: number) =>
    oneSide(pairedNonInferiorityTest(x, y, { margin })),
  midranks: (x: Given, y: Given) => [
    ...midranks(pooled(Float64Array.from(numbers(x)), Float64Array.from(numbers(y)))).ranks,
  ],
  'mannWhitneyTest asymptotic': (...[x, y, alternative, continuity]: [...Ranked, boolean]) => {
    const test = mannWhitneyTest(numbers(x), numbers(y), { alternative, continuity, method: 'asymptotic' });
    return [answered(test).u, answered(test).p];
  },
  'mannWhitneyTest exact': (...[x, y, alternative]: Ranked) => {
    const test = answered(mannWhitneyTest(numbers(x), numbers(y), { alternative }));
    expect(test.method).toBe('exact');
    return [test.u, test.p];
  },
  brunnerMunzelTest: (...[x, y, alternative]: Ranked) => {
    const { statistic, p } = answered(brunnerMunzelTest(numbers(x), numbers(y), { alternative }));
    return [statistic, p];
  },
  'brunnerMunzel interval': (x: Given, y: Given, alpha: number) => {
    const { estimate, df, interval } = answered(brunnerMunzelTest(numbers(x), numbers(y), { alpha }));
    return [estimate, df, ...ends(interval)];
  },
  'mcnemarTest exact': (firstOnly: number, secondOnly: number) => [answered(mcnemarTest({ firstOnly, secondOnly })).p],
  'mcnemarTest asymptotic': (firstOnly: number, secondOnly: number, continuity: boolean) => {
    const test = answered(mcnemarTest({ firstOnly, secondOnly }, { method: 'asymptotic', continuity }));
    return ['statistic' in test ? test.statistic ** 2 : Number.NaN, test.p];
  },
  'twoProportionTest pooled': (...[x1, n1, x2, n2, alternative]: [...Counts, Alternative]) => {
    const { statistic, p } = answered(twoProportionTest(...pair(x1, n1, x2, n2), { alternative }));
    return [statistic, p];
  },
  'twoProportionTest unpooled': (...[x1, n1, x2, n2, alternative]: [...Counts, Alternative]) => {
    const test = twoProportionTest(...pair(x1, n1, x2, n2), { alternative, variance: 'unpooled' });
    return [answered(test).statistic, answered(test).p];
  },
  ...Object.fromEntries(
    (['wald', 'agresti-caffo', 'newcombe'] satisfies DifferenceIntervalMethod[]).map((method) => [
      `proportionDifferenceInterval ${method}`,
      (...[x1, n1, x2, n2, alpha]: [...Counts, number]) =>
        ends(answered(proportionDifferenceInterval(...pair(x1, n1, x2, n2), method, alpha))),
    ]),
  ),
  'proportionRatioInterval log': (...[x1, n1, x2, n2, alpha]: [...Counts, number]) =>
    ends(answered(proportionRatioInterval(...pair(x1, n1, x2, n2), 'log', alpha))),
  'proportionRatioInterval score': (...[x1, n1, x2, n2, alpha]: [...Counts, number]) =>
    ends(answered(proportionRatioInterval(...pair(x1, n1, x2, n2), 'score', alpha))),
  proportionsChiSquareTest: (successes: number[], trials: number[]) => {
    const samples = successes.map((count, index) => ({ successes: count, trials: trials[index] as number }));
    const { statistic, p } = answered(proportionsChiSquareTest(samples));
    return [statistic, p];
  },
  pairwiseProportionTests: (successes: number[], trials: number[]) =>
    pairwiseProportionTests(
      successes.map((count, index) => ({ successes: count, trials: trials[index] as number })),
    ).map(({ adjustedP }) => adjustedP ?? Number.NaN),
  ...Object.fromEntries(
    (['wilson', 'clopper-pearson', 'agresti-coull', 'wald'] satisfies ProportionIntervalMethod[]).map((method) => [
      `proportionInterval ${method}`,
      (successes: number, trials: number, alpha: number) =>
        ends(answered(proportionInterval({ successes, trials }, method, alpha))),
    ]),
  ),
};

/** Relative. */
const TOLERANCE = 1e-10;

describe('golden values of tests at a fixed sample size', () => {
  for (const name of new Set(golden.values.map((value) => value.function))) {
    it(name, () => {
      const compute = ours[name] as (...args: unknown[]) => readonly number[];
      for (const { function: of, arguments: given, value } of golden.values) {
        if (of !== name) continue;
        const reached = compute(...given);
        expect(reached).toHaveLength(value.length);
        for (const [index, wanted] of value.entries()) {
          const error = Math.abs((reached[index] as number) - wanted);
          const at = `${name}(${JSON.stringify(given)})[${index}]: ${reached[index]} instead of ${wanted}`;
          expect(error, at).toBeLessThanOrEqual(TOLERANCE * Math.abs(wanted));
        }
      }
    });
  }
});

function bothSides(answer: EquivalenceResult | Refused): readonly number[] {
  const { aboveLower, belowUpper, p } = answered(answer);
  return [aboveLower.statistic, aboveLower.p, belowUpper.statistic, belowUpper.p, p];
}

function pair(...[x1, n1, x2, n2]: Counts) {
  return [
    { successes: x1, trials: n1 },
    { successes: x2, trials: n2 },
  ] as const;
}

function numbers(given: Given): number[] {
  return given.map((value) => (value === 'inf' ? Infinity : value));
}

function oneSide(test: NonInferiorityResult | Refused<MeanRefusal>): readonly number[] {
  const { statistic, p, lowerBound } = answered(test);
  return [statistic, p, lowerBound ?? Number.NaN];
}

function ends({ low, high }: ConfidenceInterval): readonly [number, number] {
  return [low, high];
}

function answered<T extends object>(answer: T | Refused): T {
  if ('refused' in answer) throw new Error(`refused: ${answer.refused}`);
  return answer;
}
