import { describeVectors, type Vector } from '#libs/testing/figures';
import type { Alternative } from './alternative.js';
import { brunnerMunzelTest } from './brunner-munzel.js';
import type { ConfidenceInterval } from './confidence-interval.js';
import { equivalenceTest, pairedEquivalenceTest } from './equivalence.js';
import { mannWhitneyTest } from './mann-whitney.js';
import { mcnemarTest } from './mcnemar.js';
import { proportionInterval } from './proportion-interval.js';
import { pairwiseProportionTests, proportionsChiSquareTest } from './proportions-chi-square.js';
import type { FixedHorizonRefusal, Refused } from './refusal.js';
import { proportionDifferenceInterval, proportionRatioInterval } from './two-proportion-intervals.js';
import { welchTest } from './welch.js';

describeVectors('fixed-horizon', ({ id, inputs }: Vector) => {
  if (id.startsWith('sm-welch')) return welch(inputs);
  if (id.startsWith('sm-tost')) return equivalence(inputs);
  if (id.startsWith('sp-mwu')) return mannWhitney(inputs);
  if (id.startsWith('sm-mcnemar-exact')) return mcnemar(inputs);
  switch (id) {
    case 'sm-brunner-munzel':
      return brunnerMunzel(inputs);
    case 'sm-brunner-munzel-2':
      return brunnerMunzelOfCounts(inputs);
    case 'sm-prop-chisq':
      return chiSquare(inputs);
    case 'sm-two-prop-ci':
      return twoProportions(inputs);
    case 'sm-wilson':
      return Object.fromEntries(
        (inputs as unknown as { cases: [number, number][] }).cases.map(([successes, trials]) => [
          `c${successes}_${trials}`,
          oneProportion(successes, trials),
        ]),
      );
    default:
      throw new Error(`no method for the vector ${id}`);
  }
});

function welch(inputs: unknown) {
  const { a, b } = inputs as { a: number[]; b: number[] };
  const { statistic, p } = answered(welchTest(a, b));
  return { t: statistic, p };
}

function equivalence(inputs: unknown) {
  const { x, y, margin, alpha, paired } = inputs as {
    x: number[];
    y: number[];
    margin: number;
    alpha: number;
    paired: boolean;
  };
  const test = paired ? pairedEquivalenceTest : equivalenceTest;
  const { difference, standardError, df, interval, p } = answered(test(x, y, { margin, alpha }));
  return { mean_diff: difference, se: standardError, df, ci90: ends(interval), p };
}

function mannWhitney(inputs: unknown) {
  const { x, y, alternative, method, continuity } = inputs as {
    x: (number | 'inf')[];
    y: (number | 'inf')[];
    alternative: Alternative;
    method: 'exact' | 'asymptotic';
    continuity: boolean;
  };
  const { u, p } = answered(mannWhitneyTest(x.map(value), y.map(value), { alternative, method, continuity }));
  return { U: u, p };
}

function mcnemar(inputs: unknown) {
  const { table } = inputs as { table: [[number, number], [number, number]] };
  const [[, firstOnly], [secondOnly]] = table;
  return { p: answered(mcnemarTest({ firstOnly, secondOnly })).p };
}

function brunnerMunzel(inputs: unknown) {
  const { x, y } = inputs as { x: number[]; y: number[] };
  const { statistic, p } = answered(brunnerMunzelTest(x, y));
  return { statistic, p_two_sided: p, p_one_sided: answered(brunnerMunzelTest(x, y, { alternative: 'less' })).p };
}

function brunnerMunzelOfCounts(inputs: unknown) {
  const counts = inputs as { levels: number[]; new: number[]; active: number[] };
  const values = (of: number[]): number[] =>
    counts.levels.flatMap((level, i) => Array<number>(of[i] as number).fill(level));
  const reached = answered(brunnerMunzelTest(values(counts.new), values(counts.active)));
  const { statistic, df, p, estimate, interval } = reached;
  return { statistic, df, p, prob: estimate, ci: ends(interval) };
}

function chiSquare(inputs: unknown) {
  const { success, nobs } = inputs as { success: number[]; nobs: number[] };
  const samples = success.map((successes, i) => ({ successes, trials: nobs[i] as number }));
  const { statistic, df, p } = answered(proportionsChiSquareTest(samples));
  const pairs = pairwiseProportionTests(samples);
  return {
    chi2: statistic,
    df,
    p,
    pairs_raw: pairs.map(({ test }) => answered(test).p),
    pairs_holm: pairs.map(({ adjustedP }) => adjustedP),
  };
}

function twoProportions(inputs: unknown) {
  const { x1, n1, x2, n2, alpha } = inputs as { x1: number; n1: number; x2: number; n2: number; alpha: number };
  const x = { successes: x1, trials: n1 };
  const y = { successes: x2, trials: n2 };
  return {
    wald: ends(answered(proportionDifferenceInterval(x, y, 'wald', alpha))),
    agresti_caffo: ends(answered(proportionDifferenceInterval(x, y, 'agresti-caffo', alpha))),
    risk_ratio_score: ends(answered(proportionRatioInterval(x, y, 'score', alpha))),
  };
}

function oneProportion(successes: number, trials: number) {
  const proportion = { successes, trials };
  return {
    agresti_coull: ends(answered(proportionInterval(proportion, 'agresti-coull'))),
    wald: ends(answered(proportionInterval(proportion, 'wald'))),
    exact: ends(answered(proportionInterval(proportion, 'clopper-pearson'))),
    wilson: ends(answered(proportionInterval(proportion, 'wilson'))),
  };
}

function value(given: number | 'inf'): number {
  return given === 'inf' ? Infinity : given;
}

function ends({ low, high }: ConfidenceInterval): readonly [number, number] {
  return [low, high];
}

function answered<T extends object>(answer: T | Refused<FixedHorizonRefusal>): T {
  if ('refused' in answer) throw new Error(`refused: ${answer.refused}`);
  return answer;
}
