import { expect, it } from 'vitest';
import {
  bernoulliInterval,
  anytimeP,
  approximateRhoSquared,
  asymptoticHalfWidth,
  asymptoticOneSidedHalfWidth,
  betaBinomialMixture,
  exactRhoSquared,
  type Mixture,
  mixtureBound,
  momentsOf,
  quantileRankBounds,
  quantileRanks,
  varianceOf,
} from '#libs/statistics';
import { describeVectors, statisticsVectors, type Vector } from '#libs/testing/figures';
import {
  clusterMean,
  type ClusterMoments,
  designEffect,
  initialClusterMoments,
  NEW_UNIT,
  observeInUnit,
  type UnitTotals,
} from '../summaries/cluster-moments.js';
import {
  averageEffectInterval,
  initialAverageEffect,
  lnEAverageEffect,
  observeAverageEffect,
} from './average-treatment-effect.js';
import { compareClusters } from './clustered-mean-difference.js';
import { expectedCountInterval, lnEEqualIntensities } from './counting-processes.js';
import { doubleStitchingBound } from './double-stitching.js';
import {
  empiricalBernsteinInterval,
  initialEmpiricalBernstein,
  observeEmpiricalBernstein,
  predictablePlugInBet,
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
import { asymptoticNonInferiority } from './non-inferiority.js';
import { oneSidedNormalMixture, twoSidedNormalBound, twoSidedNormalMixture } from './normal-mixture.js';
import { lnEQuantilesDiffer, valueCounts } from './quantile-comparison.js';

type Reach = (inputs: never, expected: never, id: string) => unknown;

/** By the beginning of the vector's id, the longest first. */
const methods: readonly (readonly [string, Reach])[] = [
  ['asympcs-margin', asymptoticMargins],
  ['asympcs-rho', asymptoticRho],
  ['ni-asympcs', nonInferiority],
  ['avlm-readme', linearModelOfReadme],
  ['avlm-t', linearModel],
  ['anycount', countingProcesses],
  ['cluster-delta', clusters],
  ['cs-quantile-ab', quantileComparison],
  ['cs-quantile-ranks', quantileSequence],
  ['cs-bernoulli', bernoulli],
  ['cs-ate', averageEffect],
  ['cs-predmix-lambda1', firstBet],
  ['predmix-eb', empiricalBernstein],
  ['cs-lil', band],
  ['lil-closed', closedBand],
  ['cs-ds', doubleStitching],
  ['cs-', mixture],
];

describeVectors('confidence sequences', ({ id, inputs, expected, expected_full }) => {
  const [, reach] = methods.find(([prefix]) => id.startsWith(prefix)) as readonly [string, Reach];
  return reach(inputs as never, (expected_full ?? expected) as never, id);
});

/**
 * The reference's own g* was found by a search for the minimum of the radius, which is flat there: it is off by the square root of the
 * precision, 4e-8 relative. So that this leaf is compared at 1e-7, and ours is checked to be the better one.
 */
it.skipIf(statisticsVectors === null)("the linear model's prior weight is at least as good as the reference's", () => {
  const { inputs, expected_full } = (statisticsVectors ?? []).find(({ id }) => id === 'avlm-readme') as Vector;
  const { n, coefficients, alpha } = inputs as unknown as { n: number; coefficients: number; alpha: number };
  const { g_star } = expected_full as { g_star: number };
  const own = tightestPriorWeight(n, coefficients, alpha) as number;
  expect(Math.abs(own / g_star - 1)).toBeLessThan(1e-7);
  const radius = (g: number): number => linearModelRadius(n, coefficients, g, alpha);
  expect(radius(own)).toBeLessThanOrEqual(radius(g_star) + 4e-15);
  for (const factor of [0.999, 1.001]) expect(radius(own)).toBeLessThan(radius(factor * own));
});

function asymptoticMargins({ alpha, t, t_opt }: { alpha: number; t: number; t_opt: number }) {
  const standardError = 1 / Math.sqrt(t);
  return {
    two_sided: asymptoticHalfWidth(standardError, t, alpha, exactRhoSquared(alpha, t_opt)),
    two_sided_approx_rho: asymptoticHalfWidth(standardError, t, alpha, approximateRhoSquared(alpha, t_opt)),
    one_sided: asymptoticOneSidedHalfWidth(standardError, t, alpha, approximateRhoSquared(2 * alpha, t_opt)),
  };
}

function asymptoticRho({ alpha, t_opt }: { alpha: number; t_opt: number }) {
  const approximate = approximateRhoSquared(alpha, t_opt);
  return { rho2_exact: exactRhoSquared(alpha, t_opt), rho2_approx: approximate, drconfseq_taylor: approximate };
}

function nonInferiority(
  inputs: Record<'n_c' | 'mean_c' | 'sd_c' | 'n_t' | 'mean_t' | 'sd_t' | 'margin_rel' | 'alpha' | 'N_star', number> & {
    worse_direction: 'decrease' | 'increase';
  },
) {
  const { n_c, mean_c, sd_c, n_t, mean_t, sd_t, margin_rel, alpha, N_star } = inputs;
  const difference = inputs.worse_direction === 'decrease' ? mean_t - mean_c : mean_c - mean_t;
  const standardError = Math.sqrt(sd_c ** 2 / n_c + sd_t ** 2 / n_t);
  const margin = margin_rel * mean_c;
  const reached = asymptoticNonInferiority({ difference, standardError, n: n_c + n_t }, margin, alpha, N_star);
  if (reached.missing !== null) throw new Error(reached.missing);
  return {
    oriented_diff: difference,
    se: standardError,
    rho: Math.sqrt(approximateRhoSquared(2 * alpha, N_star)),
    half_width: asymptoticOneSidedHalfWidth(standardError, n_c + n_t, alpha, approximateRhoSquared(2 * alpha, N_star)),
    lower_bound: reached.lower,
    upper_bound: reached.upper,
    margin_abs: margin,
    p_noninferior: reached.pNonInferior,
    p_inferior: reached.pInferior,
    noninferior: reached.nonInferior,
    inferior: reached.inferior,
  };
}

function linearModel(inputs: { n: number; coefficients: number; g: number; t: number; alpha: number }) {
  const { n, coefficients, g, t, alpha } = inputs;
  const lnE = lnELinearModel(t, n, coefficients, g);
  return {
    log_e: lnE,
    p: anytimeP(lnE),
    t_radius: linearModelRadius(n, coefficients, g, alpha),
    z_radius: linearModelRadiusLargeSample(n, g, alpha),
  };
}

function linearModelOfReadme(
  inputs: { n: number; coefficients: number; alpha: number; t: number[]; estimate: number; se: number },
  { g_star }: { g_star: number },
) {
  const { n, coefficients, alpha, t, estimate, se } = inputs;
  const g = tightestPriorWeight(n, coefficients, alpha) as number;
  const interval = linearModelInterval({ estimate, standardError: se, n, coefficients }, g, alpha) as {
    low: number;
    high: number;
  };
  return {
    g_star: Math.abs(g / g_star - 1) < 1e-7 ? g_star : g,
    t_radius: linearModelRadius(n, coefficients, g, alpha),
    p: t.map((statistic) => anytimeP(lnELinearModel(statistic, n, coefficients, g))),
    ci_intercept: [interval.low, interval.high],
  };
}

function countingProcesses({ N_A, N_B, phi, alpha }: { N_A: number; N_B: number; phi: number; alpha: number }) {
  const lnE = lnEEqualIntensities(N_A, N_B, phi);
  const { low, high } = expectedCountInterval(N_B, phi, alpha);
  return { log_e: lnE, p: anytimeP(lnE), cs_B: [low, high] };
}

function clusters(inputs: { control: number[][]; treatment: number[][] }) {
  const arms = { control: clustersOf(inputs.control), treatment: clustersOf(inputs.treatment) };
  const naive = {
    control: varianceOf(momentsOf(inputs.control.flat())),
    treatment: varianceOf(momentsOf(inputs.treatment.flat())),
  };
  const described = (arm: 'control' | 'treatment') => {
    const state = arms[arm];
    const estimate = clusterMean(state);
    return {
      mean: estimate?.mean,
      var_cluster: estimate?.variance,
      var_naive_iid: (naive[arm] as number) / state.values,
      design_effect: designEffect(state, naive[arm]),
      var_sum: estimate?.spread?.sum,
      var_count: estimate?.spread?.count,
      cov: estimate?.spread?.covariance,
      K: state.units,
      n: state.values,
    };
  };
  const compared = compareClusters(arms.control, arms.treatment);
  const [control, treatment] = [described('control'), described('treatment')];
  return {
    arms: { control, treatment },
    diff: compared?.difference,
    se_diff: compared?.standardError,
    lift: compared?.relative?.difference,
    se_lift: compared?.relative?.standardError,
    se_diff_naive_iid: Math.sqrt(control.var_naive_iid + treatment.var_naive_iid),
  };
}

/** The units' values arrive in turns, as they would. */
function clustersOf(units: readonly (readonly number[])[]): ClusterMoments {
  const state = initialClusterMoments();
  const totals: UnitTotals[] = units.map(() => NEW_UNIT);
  for (let round = 0; round < Math.max(...units.map((unit) => unit.length)); round++) {
    units.forEach((unit, index) => {
      if (round < unit.length) {
        totals[index] = observeInUnit(state, totals[index] as UnitTotals, unit[round] as number);
      }
    });
  }
  return state;
}

function quantileComparison(inputs: {
  quantile: number;
  t_opt: number;
  alpha_opt: number;
  arm1: string;
  arm2: string;
}) {
  const tuning = { at: inputs.t_opt, alpha: inputs.alpha_opt };
  const lnE = lnEQuantilesDiffer(countsOfRange(inputs.arm1), countsOfRange(inputs.arm2), inputs.quantile, tuning);
  return { value: anytimeP(lnE) };
}

function countsOfRange(range: string) {
  const [first, last] = range.split('..').map(Number) as [number, number];
  return valueCounts(Array.from({ length: last - first + 1 }, (_, index) => first + index));
}

function quantileSequence({ p, t, t_opt, alpha }: { p: number; t: number; t_opt: number; alpha: number }) {
  const bounds = quantileRankBounds(p, t, alpha, t_opt);
  const ranks = quantileRanks(p, t, alpha, t_opt);
  return { lower_boundary: bounds.low, upper_boundary: bounds.high, lower_rank: ranks.low, upper_rank: ranks.high };
}

function bernoulli(inputs: { successes: number; trials: number; alpha: number; t_opt: number; alpha_opt: number }) {
  const tuning = { at: inputs.t_opt, alpha: inputs.alpha_opt };
  const { low, high } = bernoulliInterval(inputs.successes, inputs.trials, inputs.alpha, tuning);
  return { lower: low, upper: high };
}

function averageEffect(
  inputs: { y: string; treatment: string; propensity: number; support: [number, number]; v_opt: number; alpha: number },
  { rows }: { rows: readonly { t: number }[] },
) {
  const { y, treatment, propensity, support, v_opt, alpha } = inputs;
  const design = { lo: support[0], hi: support[1], smallestShare: propensity, tightestAt: v_opt };
  const looks = new Set(rows.map(({ t }) => t));
  const state = initialAverageEffect();
  const reached: object[] = [];
  for (let index = 0; index < y.length; index++) {
    const arm = treatment[index] === '1' ? 'candidate' : 'control';
    observeAverageEffect(state, design, arm, propensity, Number(y[index]));
    if (!looks.has(index + 1)) continue;
    const interval = averageEffectInterval(state, design, alpha);
    reached.push({
      t: index + 1,
      point: interval?.effect,
      upper: interval?.high,
      lower: interval?.low,
      p: anytimeP(lnEAverageEffect(state, design, alpha)),
      S: state.sum,
      V: state.intrinsicTime,
    });
  }
  return { rows: reached };
}

function firstBet({ alpha, t, prior_variance }: { alpha: number; t: number; prior_variance: number }) {
  return { lambda1: predictablePlugInBet(alpha, t, prior_variance) };
}

function empiricalBernstein(
  { x, repeat, alpha, truncation }: { x: number[]; repeat: number; alpha: number; truncation: number },
  { t }: { t: number[] },
) {
  const state = initialEmpiricalBernstein(alpha, truncation);
  const reached = { t: [] as number[], lower: [] as number[], upper: [] as number[] };
  for (let index = 0; index < repeat * x.length; index++) {
    observeEmpiricalBernstein(state, x[index % x.length] as number);
    if (!t.includes(index + 1)) continue;
    const interval = empiricalBernsteinInterval(state) as { low: number; high: number };
    reached.t.push(index + 1);
    reached.lower.push(interval.low);
    reached.upper.push(interval.high);
  }
  return reached;
}

function band({ t, alpha, A }: { t: number; alpha: number; A: number }) {
  return { t_min_100: timeUniformDkwRadius(t, alpha, 100, A), t_min_1: timeUniformDkwRadius(t, alpha, 1, A) };
}

function closedBand({ n, alpha }: { n: number; alpha: number }) {
  return { radius_alpha: closedDkwRadius(n, alpha), radius_alpha_over_2: closedDkwRadius(n, alpha / 2) };
}

function doubleStitching(inputs: Record<'p' | 't' | 'alpha' | 't_opt' | 'delta' | 's' | 'eta', number>) {
  const { p, t, alpha, t_opt, delta, s, eta } = inputs;
  return { value: doubleStitchingBound(p, t, alpha, { from: t_opt, delta, s, eta }) };
}

function mixture(
  inputs: Record<'v' | 'alpha' | 'v_opt' | 'alpha_opt' | 'c' | 'g' | 'h', number> & { s?: number },
  _expected: unknown,
  id: string,
) {
  const { s, v, alpha, v_opt, alpha_opt, c, g, h } = inputs;
  const tuning = { at: v_opt, alpha: alpha_opt };
  const of: Readonly<Record<string, () => Mixture>> = {
    nlm1: () => oneSidedNormalMixture(tuning),
    nmb1: () => oneSidedNormalMixture(tuning),
    nlm2: () => twoSidedNormalMixture(tuning),
    nmb2: () => twoSidedNormalMixture(tuning),
    gelm: () => gammaExponentialMixture(c, tuning),
    gemb: () => gammaExponentialMixture(c, tuning),
    gplm: () => gammaPoissonMixture(c, tuning),
    gpmb: () => gammaPoissonMixture(c, tuning),
    bblm2: () => betaBinomialMixture(g, h, tuning),
    bbmb2: () => betaBinomialMixture(g, h, tuning),
  };
  const [, name = ''] = /^cs-([a-z]+[12]?)/.exec(id) ?? [];
  const asked = (of[name] as () => Mixture)();
  if (s !== undefined) return { value: asked.lnE(s, v) };
  const value = mixtureBound(asked, v, alpha);
  if (name === 'nmb2') expect(value).toBeCloseTo(twoSidedNormalBound(v, alpha, tuning), 9);
  return { value };
}
