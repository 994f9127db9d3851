import { midranks, pooled } from '#lab/methods';
import { normalUpperQuantile } from '#libs/statistics';
import { brentRoot } from './brent.js';
import type { Missing } from './missing.js';

/** Kayenta's defaults (spinnaker.io/docs/guides/user/canary/judge). */
export const KAYENTA_CONFIDENCE = 0.98;
export const KAYENTA_TOLERANCE = 0.25;
const ROOT_ACCURACY = 1e-4;

/**
 * The standardised Wilcoxon rank-sum statistic of x − μ against y, less a normal quantile:
 * `(W − n₁n₂/2 − sign·½)/σ − quantile`, σ with its correction for ties; the function whose root in μ is an end of the interval.
 * NaN where every value is tied. O(n log n).
 *
 * Source: Bauer, JASA 67(339), 1972 (intervals by inverting the rank test), as in R's `wilcox.test(conf.int = TRUE)`.
 */
export function wilcoxonDiff(mu: number, quantile: number, x: readonly number[], y: readonly number[]): number {
  const shifted = Float64Array.from(x, (value) => value - mu);
  const { ranks, ties } = midranks(pooled(shifted, Float64Array.from(y)));
  const u = ranks.subarray(0, x.length).reduce((sum, rank) => sum + rank, 0) - (x.length * (x.length + 1)) / 2;
  const pairs = x.length * y.length;
  const n = x.length + y.length;
  const centred = u - pairs / 2;
  const sigma = Math.sqrt((pairs / 12) * (n + 1 - ties / (n * (n - 1))));
  return (centred - Math.sign(centred) * 0.5) / sigma - quantile;
}

export interface MannWhitneyInterval {
  readonly low: number;
  readonly high: number;
  /** Hodges–Lehmann: the shift at which the two samples look alike. */
  readonly estimate: number;
}

/**
 * Interval and estimate of the shift experiment − control, as Kayenta's judge finds them: Brent's method to 1e-4 on the rank
 * statistic between the smallest and the largest difference; where the statistic does not reach the quantile at that end, the
 * end itself. (So that few points give the extreme differences as their interval, whatever the confidence asked for.)
 *
 * No answer without data, or where every shifted value is tied and the statistic is undefined.
 */
export function mannWhitneyInterval(
  experiment: readonly number[],
  control: readonly number[],
  confidence = KAYENTA_CONFIDENCE,
): MannWhitneyInterval | Missing<'no-data' | 'all-tied'> {
  if (experiment.length === 0 || control.length === 0) return { missing: 'no-data' };
  const smallest = Math.min(...experiment) - Math.max(...control);
  const largest = Math.max(...experiment) - Math.min(...control);
  const shiftAt = (quantile: number): number | null => {
    const statistic = (mu: number): number => wilcoxonDiff(mu, quantile, experiment, control);
    if (statistic(smallest) <= 0) return smallest;
    if (statistic(largest) >= 0) return largest;
    return brentRoot(statistic, smallest, largest, ROOT_ACCURACY);
  };
  const quantile = normalUpperQuantile((1 - confidence) / 2);
  const low = shiftAt(quantile);
  const high = shiftAt(-quantile);
  const estimate = shiftAt(0);
  // No root, though the ends were tried: the statistic is no number where all shifted values are tied.
  if (low === null || high === null || estimate === null) return { missing: 'all-tied' };
  return { low, high, estimate };
}

export type KayentaClassification = 'Pass' | 'High' | 'Low' | 'Nodata';

export interface KayentaMetric {
  readonly direction: 'increase' | 'decrease' | 'either';
  readonly confidence?: number;
  /** Part of the estimate that the interval has to clear. */
  readonly tolerance?: number;
  /** Ratio of the means above which a rise counts; 1: any. */
  readonly allowedIncrease?: number;
  /** Ratio of the means below which a fall counts; 1: any. */
  readonly allowedDecrease?: number;
}

/**
 * How Kayenta's judge labels one metric: High where the whole interval of the shift lies above `tolerance · |estimate|` and the
 * ratio of means reaches `allowedIncrease`, Low likewise; Nodata where a side has no values; Pass otherwise, also where nothing
 * could be compared. Values that are not finite are removed first (`nanStrategy: remove`).
 *
 * Source: spinnaker.io/docs/guides/user/canary/judge and kayenta's docs/canary-config.md (effectSize).
 */
export function classifyMetric(
  experimentData: readonly number[],
  controlData: readonly number[],
  { direction, confidence, tolerance = KAYENTA_TOLERANCE, allowedIncrease = 1, allowedDecrease = 1 }: KayentaMetric,
): KayentaClassification {
  const experiment = experimentData.filter(Number.isFinite);
  const control = controlData.filter(Number.isFinite);
  if (experiment.length === 0 || control.length === 0) return 'Nodata';
  const [experimentMean, controlMean] = [mean(experiment), mean(control)];
  // ratio ≥ allowed, written so that a control mean of 0 needs no infinite ratio.
  const mayBeHigh = direction !== 'decrease' && experimentMean >= allowedIncrease * controlMean;
  const mayBeLow = direction !== 'increase' && experimentMean <= allowedDecrease * controlMean;
  if (!mayBeHigh && !mayBeLow) return 'Pass';
  const interval = mannWhitneyInterval(experiment, control, confidence);
  if ('missing' in interval) return 'Pass';
  const bound = tolerance * Math.abs(interval.estimate);
  if (mayBeHigh && interval.low > bound) return 'High';
  if (mayBeLow && interval.high < -bound) return 'Low';
  return 'Pass';
}

export interface JudgedMetric {
  readonly group: string;
  readonly classification: KayentaClassification;
  /** One that fails, or has no data, fails the whole canary. */
  readonly critical: boolean;
}

/**
 * The canary score, 0 to 100: per group the share of its metrics that pass, those without data left out; then the groups' mean
 * by weight, groups without data left out. 0 where a critical metric does not pass, or nothing has data.
 *
 * @param groupWeights weights in percent; groups that are not named share what is left to 100 equally.
 */
export function canaryScore(
  metrics: readonly JudgedMetric[],
  groupWeights: Readonly<Record<string, number>> = {},
): number {
  if (metrics.some(({ critical, classification }) => critical && classification !== 'Pass')) return 0;
  const groups = [...new Set(metrics.map(({ group }) => group))];
  const named = groups.filter((group) => groupWeights[group] !== undefined);
  const left = Math.max(0, 100 - named.reduce((sum, group) => sum + (groupWeights[group] ?? 0), 0));
  const ofOthers = left / Math.max(1, groups.length - named.length);
  let weights = 0;
  let score = 0;
  for (const group of groups) {
    const judged = metrics.filter((metric) => metric.group === group && metric.classification !== 'Nodata');
    if (judged.length === 0) continue;
    const weight = groupWeights[group] ?? ofOthers;
    const passed = judged.filter(({ classification }) => classification === 'Pass').length;
    weights += weight;
    score += weight * (passed / judged.length) * 100;
  }
  return weights === 0 ? 0 : score / weights;
}

/** Percentile p in [0, 100] by linear interpolation between order statistics (Hyndman & Fan 1996, type 7); null without data. */
export function percentile(data: readonly number[], p: number): number | null {
  if (!(p >= 0 && p <= 100)) throw new RangeError(`percentile ${p}: expected a number from 0 to 100`);
  if (data.length === 0) return null;
  const sorted = [...data].sort((a, b) => a - b);
  const position = (p / 100) * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (position - below) * (high - low);
}

/** Cohen's d, difference of means over the pooled standard deviation (Cohen 1988, p. 67). */
export function cohensD(a: readonly number[], b: readonly number[]): number | Missing<'no-data' | 'no-variance'> {
  if (a.length === 0 || b.length === 0) return { missing: 'no-data' };
  if (a.length + b.length < 3) return { missing: 'no-variance' };
  const deviation = Math.sqrt((squaresAroundMean(a) + squaresAroundMean(b)) / (a.length + b.length - 2));
  return deviation === 0 ? { missing: 'no-variance' } : (mean(a) - mean(b)) / deviation;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function squaresAroundMean(values: readonly number[]): number {
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
}
