import { studentTP } from './alternative.js';
import { type ConfidenceInterval, studentTInterval } from './confidence-interval.js';
import type { Refused } from './refusal.js';
import { rankable, type Sample, summaryOf, type Values } from './sample.js';
import { type MeanRefusal, type TEstimate, welchEstimate } from './welch.js';

export interface MarginOptions {
  /** How far apart the means may be, in the unit of the values; above 0. */
  readonly margin: number;
  /** Level of each one-sided test. Default .05. */
  readonly alpha?: number;
}

export interface OneSidedTest {
  readonly statistic: number;
  readonly p: number;
}

export interface EquivalenceResult extends TEstimate {
  /** Against "the difference is −margin or less". */
  readonly aboveLower: OneSidedTest;
  /** Against "the difference is +margin or more". */
  readonly belowUpper: OneSidedTest;
  /** The larger of the two p-values: equivalence is claimed when both tests reject, and no correction is needed. */
  readonly p: number;
  /** 1 − 2·alpha interval of the difference; p ≤ alpha exactly where it lies within ± margin. */
  readonly interval: ConfidenceInterval;
}

export interface NonInferiorityResult extends TEstimate, OneSidedTest {
  /** One-sided 1 − alpha bound of the difference; p ≤ alpha exactly where it is not below −margin. */
  readonly lowerBound: number;
}

/**
 * Two one-sided tests: are two means closer than the margin? Independent samples of any two variances, one look at a sample
 * size fixed beforehand.
 *
 * Source: Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987), each side by Welch's test.
 * Refuses what {@link welchEstimate} refuses; equal constants included, since their equivalence rests on no variance at all.
 */
export function equivalenceTest(
  x: Sample,
  y: Sample,
  options: MarginOptions,
): EquivalenceResult | Refused<MeanRefusal> {
  return equivalence(welchEstimate(x, y), options);
}

/** {@link equivalenceTest} for pairs (x[i], y[i]), by the one-sample t test of their differences. */
export function pairedEquivalenceTest(
  x: Values,
  y: Values,
  options: MarginOptions,
): EquivalenceResult | Refused<MeanRefusal> {
  return equivalence(pairedEstimate(x, y), options);
}

/**
 * Is mean(x) above mean(y) − margin? Higher values are better; negate a metric of which less is better.
 * One side of {@link equivalenceTest}, with the same assumptions and refusals.
 */
export function nonInferiorityTest(
  x: Sample,
  y: Sample,
  options: MarginOptions,
): NonInferiorityResult | Refused<MeanRefusal> {
  return nonInferiority(welchEstimate(x, y), options);
}

/** {@link nonInferiorityTest} for pairs (x[i], y[i]), by the one-sample t test of their differences. */
export function pairedNonInferiorityTest(
  x: Values,
  y: Values,
  options: MarginOptions,
): NonInferiorityResult | Refused<MeanRefusal> {
  return nonInferiority(pairedEstimate(x, y), options);
}

function equivalence(
  estimate: TEstimate | Refused<MeanRefusal>,
  { margin, alpha = 0.05 }: MarginOptions,
): EquivalenceResult | Refused<MeanRefusal> {
  assertMargin(margin);
  if (!(alpha > 0 && alpha < 0.5)) throw new RangeError(`alpha is ${alpha}, expected a number between 0 and 1/2`);
  if ('refused' in estimate) return estimate;
  const { difference, standardError, df } = estimate;
  const aboveLower = aboveBoundary(estimate, -margin);
  const statistic = (difference - margin) / standardError;
  const belowUpper = { statistic, p: studentTP(statistic, df, 'less') };
  return {
    ...estimate,
    aboveLower,
    belowUpper,
    p: Math.max(aboveLower.p, belowUpper.p),
    interval: studentTInterval(estimate, 2 * alpha, 'two-sided'),
  };
}

function nonInferiority(
  estimate: TEstimate | Refused<MeanRefusal>,
  { margin, alpha = 0.05 }: MarginOptions,
): NonInferiorityResult | Refused<MeanRefusal> {
  assertMargin(margin);
  if ('refused' in estimate) return estimate;
  return {
    ...estimate,
    ...aboveBoundary(estimate, -margin),
    lowerBound: studentTInterval(estimate, alpha, 'greater').low,
  };
}

function aboveBoundary({ difference, standardError, df }: TEstimate, boundary: number): OneSidedTest {
  const statistic = (difference - boundary) / standardError;
  return { statistic, p: studentTP(statistic, df, 'greater') };
}

function pairedEstimate(x: Values, y: Values): TEstimate | Refused<MeanRefusal> {
  if (x.length !== y.length) {
    throw new RangeError(`pairs of ${x.length} and ${y.length} values, expected as many of the one as of the other`);
  }
  const first = rankable(x);
  if ('refused' in first) return first;
  const second = rankable(y);
  if ('refused' in second) return second;
  // ∞ − ∞ is no number, though both values are.
  if (![...first, ...second].every(Number.isFinite)) return { refused: 'not-finite' };
  const summary = summaryOf(first.map((value, index) => value - (second[index] as number)));
  if ('refused' in summary) return summary;
  if (summary.variance === 0) return { refused: 'no-variance' };
  return { difference: summary.mean, standardError: Math.sqrt(summary.variance / summary.n), df: summary.n - 1 };
}

function assertMargin(margin: number): void {
  if (!(margin > 0 && Number.isFinite(margin))) throw new RangeError(`the margin is ${margin}, expected more than 0`);
}
