import { normalUpperQuantile } from '../distributions/index.js';
import type { Embedding } from './embedding.js';
import { kernelSums, type KernelSums } from './rbf-kernel.js';

/** Embeddings per sample below which leaving one out leaves no U-statistic. */
const SMALLEST_SAMPLE = 3;

/** How far apart the laws of two samples of embeddings are. */
export interface MmdEstimate {
  /** Unbiased: 0 on average when the laws are equal, so it is often below 0 then. Null with fewer than two in a sample. */
  readonly mmd2: number | null;
  readonly standardError: number | null;
  /** Of MMD² at one look, not anytime-valid; not cut off at 0. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  /** Why there is no interval; null when there is one. */
  readonly missing: 'not-enough-data' | 'no-variance' | null;
}

/**
 * Unbiased estimate of the squared maximum mean discrepancy (a two-sample U-statistic) with an RBF kernel averaged over
 * `bandwidths` (see `bandwidthsOf`), and its asymptotic 1 − α interval.
 *
 * `MMD²_u = Σ_{i≠j} k(x_i,x_j)/(n(n−1)) + Σ_{i≠j} k(y_i,y_j)/(m(m−1)) − 2 Σ k(x_i,y_j)/(nm)`.
 *
 * Sources: Gretton, Borgwardt, Rasch, Schölkopf, Smola, JMLR 13 (2012), eq. 3; asymptotically normal under the alternative:
 * Theorem 16 (after Serfling). Variance by the jackknife over both samples (Arvesen, Ann. Math. Stat. 40, 1969): the same leading
 * term 4ζ_x/n + 4ζ_y/m as in Sutherland et al., ICLR 2017, eq. 5, for unequal sizes too, and on average never too small (Efron
 * & Stein, Ann. Stat. 9, 1981), which matters near equality, where the leading term vanishes.
 * Assumptions: independent embeddings (one per unit), bandwidths fixed beforehand, one look. Where the laws are equal the
 * statistic is skewed instead of normal and the jackknife exaggerates its variance about twofold. Measured coverage of the
 * 95 % interval (normal laws in 4 and 16 dimensions, 20 to 100 embeddings each, 600 runs): .975–.98 at equality, with the whole
 * interval above 0 in none of 1,800 runs; .92–.96 otherwise, the least at 30 against 50. For the eye: it decides nothing.
 * O((n + m)²·d).
 */
export function unbiasedMmd(
  x: readonly Embedding[],
  y: readonly Embedding[],
  bandwidths: readonly number[],
  alpha: number,
): MmdEstimate {
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha ${alpha}: expected a number between 0 and 1`);
  const sums = kernelSums(x, y, bandwidths);
  if (x.length < 2 || y.length < 2) return without(null, null, 'not-enough-data');
  const mmd2 = uStatistic(sums);
  if (x.length < SMALLEST_SAMPLE || y.length < SMALLEST_SAMPLE) return without(mmd2, null, 'not-enough-data');
  const standardError = Math.sqrt(jackknifeVariance(sums));
  if (standardError === 0) return without(mmd2, 0, 'no-variance');
  const halfWidth = normalUpperQuantile(alpha / 2) * standardError;
  return { mmd2, standardError, interval: { low: mmd2 - halfWidth, high: mmd2 + halfWidth }, missing: null };
}

/**
 * The biased (V-statistic) estimate of MMD²: the squared distance of the samples' mean embeddings, never negative and, without
 * any difference, (1 − mean k)(1/n + 1/m) on average. Null for an empty sample. O((n + m)²·d).
 *
 * Source: Gretton et al., JMLR 13 (2012), eq. 5.
 */
export function biasedMmd(
  x: readonly Embedding[],
  y: readonly Embedding[],
  bandwidths: readonly number[],
): number | null {
  const sums = kernelSums(x, y, bandwidths);
  const n = x.length;
  const m = y.length;
  if (n === 0 || m === 0) return null;
  return (sum(sums.xWithin) + n) / n ** 2 + (sum(sums.yWithin) + m) / m ** 2 - (2 * sum(sums.xBetween)) / (n * m);
}

function uStatistic({ xWithin, xBetween, yWithin }: KernelSums): number {
  const n = xWithin.length;
  const m = yWithin.length;
  return sum(xWithin) / (n * (n - 1)) + sum(yWithin) / (m * (m - 1)) - (2 * sum(xBetween)) / (n * m);
}

/** (n − 1)/n Σ (U without x_i − their mean)², and the same over y. */
function jackknifeVariance({ xWithin, xBetween, yWithin, yBetween }: KernelSums): number {
  return leaveOneOut(xWithin, xBetween, yWithin.length) + leaveOneOut(yWithin, yBetween, xWithin.length);
}

/** Only the terms that hold the sample are computed: the other sample's own is the same in every one of them. */
function leaveOneOut(within: Float64Array, between: Float64Array, others: number): number {
  const n = within.length;
  const allWithin = sum(within);
  const allBetween = sum(between);
  const values = within.map(
    (ofOne, i) =>
      (allWithin - 2 * ofOne) / ((n - 1) * (n - 2)) - (2 * (allBetween - (between[i] as number))) / ((n - 1) * others),
  );
  const mean = sum(values) / n;
  return ((n - 1) / n) * values.reduce((total, value) => total + (value - mean) ** 2, 0);
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

function without(
  mmd2: number | null,
  standardError: number | null,
  missing: 'not-enough-data' | 'no-variance',
): MmdEstimate {
  return { mmd2, standardError, interval: null, missing };
}
