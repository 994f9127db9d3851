import { type Alternative, studentTP } from './alternative.js';
import { type ConfidenceInterval, studentTInterval } from './confidence-interval.js';
import type { Refused } from './refusal.js';
import { type Sample, summaryOf } from './sample.js';

export interface WelchOptions {
  /** Of mean(x) − mean(y) against `nullDifference`. Default: two-sided. */
  readonly alternative?: Alternative;
  /** The interval covers with probability 1 − alpha. Default .05. */
  readonly alpha?: number;
  /** The difference that is tested, in the unit of the values. Default 0. */
  readonly nullDifference?: number;
}

/** An estimated difference of means and how far it can be trusted. */
export interface TEstimate {
  /** mean(x) − mean(y). */
  readonly difference: number;
  readonly standardError: number;
  /** Degrees of freedom of the t distribution. */
  readonly df: number;
}

export interface WelchResult extends TEstimate {
  /** (difference − nullDifference) / standardError. */
  readonly statistic: number;
  readonly p: number;
  /** Of the difference; open on one side for a one-sided alternative. */
  readonly interval: ConfidenceInterval;
}

export type MeanRefusal = 'not-a-number' | 'not-finite' | 'too-few-values' | 'no-variance';

/**
 * Welch's t test: do two means differ, whatever the two variances are? For one look at a sample size fixed beforehand;
 * looked at repeatedly it rejects a true null far more often than α.
 *
 * Source: Welch, Biometrika 34 (1947); degrees of freedom after Satterthwaite, Biometrics Bulletin 2 (1946), eq. 17.
 * Assumptions: independent values (one per unit), means close to normal.
 * Refuses missing and infinite values, fewer than two values in an arm, and two arms without any variance.
 */
export function welchTest(x: Sample, y: Sample, options: WelchOptions = {}): WelchResult | Refused<MeanRefusal> {
  const { alternative = 'two-sided', alpha = 0.05, nullDifference = 0 } = options;
  const estimate = welchEstimate(x, y);
  if ('refused' in estimate) return estimate;
  const { difference, standardError, df } = estimate;
  const statistic = (difference - nullDifference) / standardError;
  return {
    ...estimate,
    statistic,
    p: studentTP(statistic, df, alternative),
    interval: studentTInterval(estimate, alpha, alternative),
  };
}

/** The difference of two means with Welch's standard error and Satterthwaite's degrees of freedom. */
export function welchEstimate(x: Sample, y: Sample): TEstimate | Refused<MeanRefusal> {
  const first = summaryOf(x);
  if ('refused' in first) return first;
  const second = summaryOf(y);
  if ('refused' in second) return second;
  const ofFirst = first.variance / first.n;
  const ofSecond = second.variance / second.n;
  const squaredError = ofFirst + ofSecond;
  if (squaredError === 0) return { refused: 'no-variance' };
  const difference = first.mean - second.mean;
  if (!Number.isFinite(difference) || !Number.isFinite(squaredError)) return { refused: 'not-finite' };
  // Satterthwaite's formula over the shares of the two: squares of tiny variances would underflow.
  const share = ofFirst / squaredError;
  const otherShare = ofSecond / squaredError;
  return {
    difference,
    standardError: Math.sqrt(squaredError),
    df: 1 / ((share * share) / (first.n - 1) + (otherShare * otherShare) / (second.n - 1)),
  };
}
