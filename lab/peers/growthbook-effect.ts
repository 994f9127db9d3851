import type { Missing } from './missing.js';
import { bilinearForm, covarianceOfSums, quadraticForm, type SumsOfProducts } from './growthbook-moments.js';
import { normalUpperQuantile } from '#libs/statistics';

/** What GrowthBook keeps of one variant, by the kind of metric; sums over units. */
export type VariantStatistic =
  | MeanStatistic
  | ProportionStatistic
  | RatioStatistic
  | CupedStatistic
  | CupedRatioStatistic
  | QuantileStatistic;

export interface MeanStatistic {
  readonly kind: 'mean';
  readonly n: number;
  readonly sum: number;
  readonly sumOfSquares: number;
}

export interface ProportionStatistic {
  readonly kind: 'proportion';
  readonly n: number;
  readonly sum: number;
}

/** Sum of a numerator over sum of a denominator, both per unit. */
export interface RatioStatistic {
  readonly kind: 'ratio';
  readonly n: number;
  readonly numerator: MeanStatistic | ProportionStatistic;
  readonly denominator: MeanStatistic | ProportionStatistic;
  readonly sumOfProducts: number;
}

/** A value during the experiment and one from before it, per unit. */
export interface CupedStatistic {
  readonly kind: 'cuped';
  readonly n: number;
  readonly post: MeanStatistic | ProportionStatistic;
  readonly pre: MeanStatistic | ProportionStatistic;
  readonly sumOfProducts: number;
}

/** Numerator and denominator during the experiment, then numerator and denominator before it, in this order. */
export interface CupedRatioStatistic extends SumsOfProducts {
  readonly kind: 'cuped-ratio';
}

/** A sample quantile, and those at the ends of its normal interval at 95 % for a sample of `nStar` ≤ n events. */
export interface QuantileStatistic {
  readonly kind: 'quantile';
  readonly n: number;
  readonly nStar: number;
  /** Level of the quantile, in (0, 1). */
  readonly nu: number;
  readonly quantile: number;
  readonly lower: number;
  readonly upper: number;
}

export interface Effect {
  readonly estimate: number;
  readonly standardError: number;
  /** Welch–Satterthwaite, from each variant's (adjusted) variance. */
  readonly df: number;
  /** Units (events for quantiles) of both variants. */
  readonly n: number;
  /** Regression coefficient of the covariate from before; null for metrics without one. */
  readonly theta: number | null;
  /** Means without adjustment. */
  readonly controlMean: number;
  readonly treatmentMean: number;
}

export type EffectMissing = Missing<'no-data' | 'baseline-zero' | 'no-variance'>;

/**
 * GrowthBook's effect of treatment over control and its standard error, each variant with its own variance; relative effects by
 * the delta method, `σ²_Δ = σ²_C μ²_T/(μ⁴_C n_C) + σ²_T/(μ²_C n_T)`.
 *
 * Docs: docs.growthbook.io/statistics/details (eqs. 1–4, means, proportions, ratios), …/cuped-technical (eqs. 2–19, θ pooled over
 * both variants, relative to the unadjusted control mean), …/quantile (step 6, without clusters).
 * Assumes independent units, n ≥ 2 per variant. No answer where either variant has no data or no variance, or where the control mean
 * is 0: GrowthBook gives none then, also for absolute effects.
 *
 * @param theta fixed coefficient instead of the estimated one, for metrics with a covariate.
 */
export function growthBookEffect(
  control: VariantStatistic,
  treatment: VariantStatistic,
  difference: 'absolute' | 'relative',
  theta?: number,
): Effect | EffectMissing {
  if (control.n < 1 || treatment.n < 1) return { missing: 'no-data' };
  if (control.kind === 'cuped-ratio' && treatment.kind === 'cuped-ratio') {
    return cupedRatioEffect(control, treatment, difference, theta ?? cupedRatioSlope(control, treatment));
  }
  if (control.kind === 'cuped' && treatment.kind === 'cuped') {
    return cupedEffect(control, treatment, difference, theta ?? cupedSlope(control, treatment));
  }
  return plainEffect(plainMoments(control), plainMoments(treatment), difference);
}

interface PlainMoments {
  readonly n: number;
  readonly mean: number;
  /** Of one unit. */
  readonly variance: number;
}

function plainEffect(c: PlainMoments, t: PlainMoments, difference: 'absolute' | 'relative'): Effect | EffectMissing {
  const squaredError =
    difference === 'absolute'
      ? c.variance / c.n + t.variance / t.n
      : (c.variance * t.mean ** 2) / (c.mean ** 4 * c.n) + t.variance / (c.mean ** 2 * t.n);
  const plain = t.mean - c.mean;
  return assemble({
    estimate: difference === 'absolute' ? plain : plain / c.mean,
    squaredError,
    control: c,
    treatment: t,
    theta: null,
    means: [c.mean, t.mean],
  });
}

function plainMoments(statistic: VariantStatistic): PlainMoments {
  const { n } = statistic;
  switch (statistic.kind) {
    case 'mean':
    case 'proportion':
      return { n, mean: statistic.sum / n, variance: varianceOf(statistic) };
    case 'ratio': {
      const { numerator, denominator } = statistic;
      const [m, d] = [numerator.sum / n, denominator.sum / n];
      if (d === 0) return { n, mean: 0, variance: 0 };
      const covariance = covarianceOf(numerator, denominator, statistic.sumOfProducts);
      const variance =
        varianceOf(numerator) / d ** 2 - (2 * covariance * m) / d ** 3 + (m ** 2 * varianceOf(denominator)) / d ** 4;
      return { n, mean: m / d, variance };
    }
    case 'quantile':
      return { n, mean: statistic.quantile, variance: quantileVariance(statistic) };
    case 'cuped':
    case 'cuped-ratio':
      throw new RangeError(`control and treatment are of different kinds, one of them ${statistic.kind}`);
    default:
      return statistic satisfies never;
  }
}

/** GrowthBook's floor of a quantile's variance, where both ends of the interval fell on one value. */
const LEAST_QUANTILE_VARIANCE = 1e-5;

/** (nStar / n)(n − 1)((upper − lower)/(2 z_{.975}))²; 0, which is no answer, where the interval reaches beyond the sample. */
function quantileVariance({ n, nStar, nu, lower, upper }: QuantileStatistic): number {
  const z = normalUpperQuantile(0.025);
  if (n <= (z * z * nu) / (1 - nu) || n <= (z * z * (1 - nu)) / nu) return 0;
  const variance = (nStar / n) * (n - 1) * ((upper - lower) / (2 * z)) ** 2;
  return n < 1_000 ? variance : Math.max(variance, LEAST_QUANTILE_VARIANCE);
}

function cupedEffect(
  c: CupedStatistic,
  t: CupedStatistic,
  difference: 'absolute' | 'relative',
  theta: number,
): Effect | EffectMissing {
  const control = cupedMoments(c, theta);
  const treatment = cupedMoments(t, theta);
  const [baseline, ofTreatment] = [c.post.sum / c.n, t.post.sum / t.n];
  const adjusted = treatment.mean - control.mean;
  const squaredError =
    difference === 'absolute'
      ? control.variance / c.n + treatment.variance / t.n
      : treatment.variance / (t.n * baseline ** 2) +
        // Both parts of the control move the ratio: its mean from before and the baseline it is divided by.
        quadraticForm(cupedCovariance(c), [ofTreatment / baseline, -theta]) / (c.n * baseline ** 2);
  return assemble({
    estimate: difference === 'absolute' ? adjusted : adjusted / baseline,
    squaredError,
    control,
    treatment,
    theta,
    means: [baseline, ofTreatment],
  });
}

function cupedMoments(statistic: CupedStatistic, theta: number): PlainMoments {
  const { n, post, pre } = statistic;
  return {
    n,
    mean: post.sum / n - (theta * pre.sum) / n,
    variance: quadraticForm(cupedCovariance(statistic), [1, -theta]),
  };
}

function cupedCovariance({ post, pre, sumOfProducts }: CupedStatistic): number[][] {
  const covariance = covarianceOf(post, pre, sumOfProducts);
  return [
    [varianceOf(post), covariance],
    [covariance, varianceOf(pre)],
  ];
}

/** θ = cov(post, pre) / var(pre) of all units taken as one sample; 0 where one of the two does not vary. */
function cupedSlope(c: CupedStatistic, t: CupedStatistic): number {
  const n = c.n + t.n;
  const post = pooledStatistic(c.post, t.post, n);
  const pre = pooledStatistic(c.pre, t.pre, n);
  if (varianceOf(pre) === 0 || varianceOf(post) === 0) return 0;
  return covarianceOf(post, pre, c.sumOfProducts + t.sumOfProducts) / varianceOf(pre);
}

function pooledStatistic(
  a: MeanStatistic | ProportionStatistic,
  b: MeanStatistic | ProportionStatistic,
  n: number,
): MeanStatistic | ProportionStatistic {
  const sum = a.sum + b.sum;
  return a.kind === 'mean' && b.kind === 'mean'
    ? { kind: 'mean', n, sum, sumOfSquares: a.sumOfSquares + b.sumOfSquares }
    : { kind: 'proportion', n, sum };
}

function cupedRatioEffect(
  c: CupedRatioStatistic,
  t: CupedRatioStatistic,
  difference: 'absolute' | 'relative',
  theta: number,
): Effect | EffectMissing {
  const control = ratioParts(c);
  const treatment = ratioParts(t);
  if (control === null || treatment === null) return { missing: 'baseline-zero' };
  const adjusted = treatment.post - theta * treatment.pre - (control.post - theta * control.pre);
  const gradientOf = ({ ofPost, ofPre }: RatioParts): number[] => [...ofPost, ...ofPre.map((slope) => -theta * slope)];
  const covariance = { control: covarianceOfSums(c), treatment: covarianceOfSums(t) };
  const moments = {
    control: { n: c.n, variance: quadraticForm(covariance.control, gradientOf(control)) },
    treatment: { n: t.n, variance: quadraticForm(covariance.treatment, gradientOf(treatment)) },
  };
  const common = { ...moments, theta, means: [control.post, treatment.post] as const };
  if (difference === 'absolute') {
    const squaredError = moments.control.variance / c.n + moments.treatment.variance / t.n;
    return assemble({ ...common, estimate: adjusted, squaredError });
  }
  // ∂/∂ of adjusted / baseline by the control's own four means: the baseline's derivative comes in twice.
  const relative = adjusted / control.post;
  const ofControl = [
    ...control.ofPost.map((slope) => -slope * (1 + relative)),
    ...control.ofPre.map((slope) => theta * slope),
  ];
  const squaredError =
    (quadraticForm(covariance.control, ofControl) / c.n + moments.treatment.variance / t.n) / control.post ** 2;
  return assemble({ ...common, estimate: relative, squaredError });
}

interface RatioParts {
  readonly post: number;
  readonly pre: number;
  /** Derivatives of the ratio by the means of its numerator and its denominator. */
  readonly ofPost: readonly [number, number];
  readonly ofPre: readonly [number, number];
}

function ratioParts({ n, sums }: CupedRatioStatistic): RatioParts | null {
  const [mPost, dPost, mPre, dPre] = sums.map((sum) => sum / n) as [number, number, number, number];
  if (dPost === 0 || dPre === 0) return null;
  return {
    post: mPost / dPost,
    pre: mPre / dPre,
    ofPost: [1 / dPost, -mPost / dPost ** 2],
    ofPre: [1 / dPre, -mPre / dPre ** 2],
  };
}

/** θ: the variants' covariances of the linearised ratios over their variances (cuped-technical, eq. 16; Deng et al. 2013, app. B). */
function cupedRatioSlope(c: CupedRatioStatistic, t: CupedRatioStatistic): number {
  let covariances = 0;
  let variances = 0;
  for (const statistic of [c, t]) {
    const parts = ratioParts(statistic);
    if (parts === null) return 0;
    const covariance = covarianceOfSums(statistic);
    const ofPre = [0, 0, ...parts.ofPre];
    covariances += bilinearForm(covariance, [...parts.ofPost, 0, 0], ofPre) / statistic.n;
    variances += quadraticForm(covariance, ofPre) / statistic.n;
  }
  return variances > 0 ? covariances / variances : 0;
}

function assemble(of: {
  readonly estimate: number;
  readonly squaredError: number;
  readonly control: { readonly n: number; readonly variance: number };
  readonly treatment: { readonly n: number; readonly variance: number };
  readonly theta: number | null;
  readonly means: readonly [number, number];
}): Effect | EffectMissing {
  const { control, treatment } = of;
  if (of.means[0] === 0) return { missing: 'baseline-zero' };
  if (!(control.variance > 0) || !(treatment.variance > 0)) return { missing: 'no-variance' };
  const [ofControl, ofTreatment] = [control.variance / control.n, treatment.variance / treatment.n];
  const df = (ofControl + ofTreatment) ** 2 / (ofControl ** 2 / (control.n - 1) + ofTreatment ** 2 / (treatment.n - 1));
  return {
    estimate: of.estimate,
    standardError: Math.sqrt(of.squaredError),
    df,
    n: control.n + treatment.n,
    theta: of.theta,
    controlMean: of.means[0],
    treatmentMean: of.means[1],
  };
}

/** Of one unit: n/(n − 1) for means, p(1 − p) for proportions. */
function varianceOf(statistic: MeanStatistic | ProportionStatistic): number {
  const { n, sum } = statistic;
  if (statistic.kind === 'proportion') return (sum / n) * (1 - sum / n);
  return n < 2 ? 0 : (statistic.sumOfSquares - (sum * sum) / n) / (n - 1);
}

/** Of one unit, with the divisor of the variances: n for two proportions, else n − 1. */
function covarianceOf(
  x: MeanStatistic | ProportionStatistic,
  y: MeanStatistic | ProportionStatistic,
  sumOfProducts: number,
): number {
  const { n } = x;
  const centred = sumOfProducts - (x.sum * y.sum) / n;
  if (x.kind === 'proportion' && y.kind === 'proportion') return centred / n;
  return n < 2 ? 0 : centred / (n - 1);
}
