import { midranks, pooled } from '#lab/methods';
import { normalQuantile, normalUpperQuantile } from '#libs/statistics';
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

/**
 * `Nodata`: a side has no values. `NodataFailMetric`: the same, of a metric that has to have some. `Error`: it could not be compared, since every
 * value is tied.
 */
export type KayentaClassification = 'Pass' | 'High' | 'Low' | 'Nodata' | 'NodataFailMetric' | 'Error';

/** A metric as its configuration says it (`analysisConfigurations.canary`). */
export interface KayentaMetric {
  readonly direction: 'increase' | 'decrease' | 'either';
  readonly confidence?: number;
  /** Part of the estimate that the interval has to clear. */
  readonly tolerance?: number;
  /** `meanRatio`, the default: experiment ÷ control, 1 where nothing differs. `cles`: {@link commonLanguageEffect}, ½ where nothing differs. */
  readonly measure?: 'meanRatio' | 'cles';
  /** The effect from which on a rise counts; default: where nothing differs, so any. */
  readonly allowedIncrease?: number;
  readonly allowedDecrease?: number;
  /** The effect from which on a rise or fall of a critical metric fails the whole canary; default: any. */
  readonly criticalIncrease?: number;
  readonly criticalDecrease?: number;
  /** `remove`, the default, or `replace` by 0. */
  readonly nanStrategy?: 'remove' | 'replace';
  /** Values further than this many interquartile ranges out are left out, though never within the middle 98 %; null, the default: none. */
  readonly outlierFactor?: number | null;
  readonly critical?: boolean;
  readonly mustHaveData?: boolean;
}

export interface KayentaJudgement {
  readonly classification: KayentaClassification;
  /** Whether this fails the whole canary. */
  readonly critical: boolean;
  /** In the metric's measure; null where it has none (a mean of 0) or nothing was compared. */
  readonly effect: number | null;
}

/**
 * How Kayenta's judge labels one metric: High where the whole interval of the shift lies above `tolerance · |estimate|` and the effect reaches
 * `allowedIncrease`, Low likewise; an effect that is not defined asks for nothing. Samples that are equal up to their order, and those with one value
 * in common, pass. Where both are constant, at two values, each is spread by a hundred-thousandth of its value first, so that constants that lie apart
 * are told apart. (Kayenta draws that noise; we take the normal scores of the places, which are the same in every run.) What is not finite
 * counts as not a number.
 *
 * Source: spinnaker.io/docs/guides/user/canary/judge and kayenta's docs/canary-config.md; its NetflixACAJudge for what they leave open.
 */
export function kayentaJudgement(
  experimentData: readonly number[],
  controlData: readonly number[],
  metric: KayentaMetric,
): KayentaJudgement {
  const { critical = false, mustHaveData = false, nanStrategy = 'remove' } = metric;
  const experiment = prepared(experimentData, metric);
  const control = prepared(controlData, metric);
  const passed: KayentaJudgement = { classification: 'Pass', critical: false, effect: null };
  if (experiment.length === 0 || control.length === 0) {
    if (nanStrategy === 'replace') return passed;
    return mustHaveData && !critical
      ? { ...passed, classification: 'NodataFailMetric' }
      : { ...passed, classification: 'Nodata', critical };
  }
  if (isSame(experiment, control) || new Set([...experiment, ...control]).size === 1) return passed;
  const areConstant = new Set(experiment).size === 1 && new Set(control).size === 1;
  const [x, y] = areConstant ? [spreadOut(experiment), spreadOut(control)] : [experiment, control];
  const interval = mannWhitneyInterval(x, y, metric.confidence);
  if ('missing' in interval) return { ...passed, classification: 'Error' };
  const effect = metric.measure === 'cles' ? commonLanguageEffect(x, y) : meanRatio(x, y);
  const classification = classified(interval, effect, metric);
  return { classification, critical: critical && isCritical(classification, effect, metric), effect };
}

/** The label alone. */
export function classifyMetric(
  experiment: readonly number[],
  control: readonly number[],
  metric: KayentaMetric,
): KayentaClassification {
  return kayentaJudgement(experiment, control, metric).classification;
}

function classified(
  { low, high, estimate }: MannWhitneyInterval,
  effect: number | null,
  { direction, measure, tolerance = KAYENTA_TOLERANCE, ...allowed }: KayentaMetric,
): KayentaClassification {
  const { allowedIncrease = noEffect(measure), allowedDecrease = noEffect(measure) } = allowed;
  const bound = tolerance * Math.abs(estimate);
  if (direction !== 'decrease' && low > bound && (effect === null || effect >= allowedIncrease)) return 'High';
  if (direction !== 'increase' && high < -bound && (effect === null || effect <= allowedDecrease)) return 'Low';
  return 'Pass';
}

function isCritical(classification: KayentaClassification, effect: number | null, metric: KayentaMetric): boolean {
  const { measure, criticalIncrease = noEffect(measure), criticalDecrease = noEffect(measure) } = metric;
  if (classification === 'High') return effect === null || effect >= criticalIncrease;
  if (classification === 'Low') return effect === null || effect <= criticalDecrease;
  return false;
}

function noEffect(measure: KayentaMetric['measure']): number {
  return measure === 'cles' ? 0.5 : 1;
}

/** experiment ÷ control of the means; null where one of them is 0. */
function meanRatio(experiment: readonly number[], control: readonly number[]): number | null {
  const [above, below] = [mean(experiment), mean(control)];
  return above === 0 || below === 0 ? null : above / below;
}

/**
 * The common language effect size: the probability that a value of the experiment is larger than one of control, ties counting half. O(n log n).
 *
 * Source: McGraw & Wong, Psychological Bulletin 111(2), 1992; by ranks Vargha & Delaney, J. Educational and Behavioral Statistics 25(2), 2000.
 */
export function commonLanguageEffect(experiment: readonly number[], control: readonly number[]): number {
  const { ranks } = midranks(pooled(Float64Array.from(experiment), Float64Array.from(control)));
  const [m, n] = [experiment.length, control.length];
  const sum = ranks.subarray(0, m).reduce((total, rank) => total + rank, 0);
  return (sum - (m * (m + 1)) / 2) / (m * n);
}

function prepared(
  data: readonly number[],
  { nanStrategy = 'remove', outlierFactor = null }: KayentaMetric,
): readonly number[] {
  const numbers =
    nanStrategy === 'remove' ? data.filter(Number.isFinite) : data.map((value) => (Number.isFinite(value) ? value : 0));
  return outlierFactor === null ? numbers : withoutOutliers(numbers, outlierFactor);
}

/** Tukey's fences, moved out to the 1st and the 99th percentile where those lie further. */
function withoutOutliers(data: readonly number[], factor: number): readonly number[] {
  const [p1, p25, p75, p99] = [1, 25, 75, 99].map((p) => percentile(data, p) ?? 0) as [number, number, number, number];
  const reach = factor * (p75 - p25);
  const [low, high] = [Math.min(p1, p25 - reach), Math.max(p99, p75 + reach)];
  return data.filter((value) => value >= low && value <= high);
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  const [x, y] = [a, b].map((values) => values.toSorted((left, right) => left - right)) as [number[], number[]];
  return x.length === y.length && x.every((value, index) => value === y[index]);
}

/** Part of a constant's value that it is spread by. */
const SPREAD = 1e-5;

function spreadOut(values: readonly number[]): readonly number[] {
  return values.map((value, place) => value + SPREAD * value * normalQuantile((place + 0.5) / values.length));
}

export interface JudgedMetric {
  /** The metric's group, or all its groups. */
  readonly group: string | readonly string[];
  readonly classification: KayentaClassification;
  /** One that fails, or has no data, fails the whole canary. */
  readonly critical: boolean;
  /** Shown and not scored. */
  readonly muted?: boolean;
}

/** From this share of metrics without data on there is no score but 0. */
const MOST_WITHOUT_DATA = 0.5;

/**
 * The canary score, 0 to 100, two decimals: per group the share of its metrics that pass, those without data left out; a group without any data counts as 100;
 * then the sum by weights. 0 where a critical metric does not pass, where half of the metrics or more have no data, and without metrics.
 *
 * @param groupWeights weights in percent; groups that are not named share what is left to 100 equally. A weight of a group that no metric has is lost.
 */
export function canaryScore(
  metrics: readonly JudgedMetric[],
  groupWeights: Readonly<Record<string, number>> = {},
): number {
  const scored = metrics.filter(({ muted = false }) => !muted);
  if (scored.some(({ critical, classification }) => critical && classification !== 'Pass')) return 0;
  const withoutData = scored.filter(({ classification }) => classification === 'Nodata').length;
  if (withoutData >= MOST_WITHOUT_DATA * scored.length) return 0;
  const groups = [...new Set(scored.flatMap(({ group }) => group))];
  const unnamed = groups.filter((group) => groupWeights[group] === undefined);
  const left = 100 - Object.values(groupWeights).reduce((sum, weight) => sum + weight, 0);
  const score = groups.reduce((sum, group) => {
    const weight = groupWeights[group] ?? left / unnamed.length;
    return sum + groupScore(scored.filter((metric) => [metric.group].flat().includes(group))) * (weight / 100);
  }, 0);
  return Math.round(score * 100) / 100;
}

function groupScore(metrics: readonly JudgedMetric[]): number {
  const judged = metrics.filter(({ classification }) => classification !== 'Nodata' && classification !== 'Error');
  if (judged.length === 0) return 100;
  return (judged.filter(({ classification }) => classification === 'Pass').length / judged.length) * 100;
}

/** What a score means: from `pass` on the canary passes, from `marginal` on it goes on being judged, below it fails. */
export function scoreVerdict(
  score: number,
  { pass, marginal }: { readonly pass: number; readonly marginal: number },
): 'Pass' | 'Marginal' | 'Fail' {
  return score >= pass ? 'Pass' : score >= marginal ? 'Marginal' : 'Fail';
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
