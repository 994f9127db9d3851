import { normalUpperQuantile } from '#libs/statistics';
import { studentTUpperQuantile } from '../distributions/student-t.js';
import type { Alternative } from './alternative.js';

/** An interval for one look at a sample size that was fixed beforehand. An open end is ± Infinity. */
export interface ConfidenceInterval {
  readonly low: number;
  readonly high: number;
}

/** A difference whose error follows Student's t. */
export interface TDistributed {
  readonly difference: number;
  readonly standardError: number;
  readonly df: number;
}

/** 1 − α interval that agrees with the test: closed on both sides, or open on the side the alternative points to. */
export function studentTInterval(
  { difference, standardError, df }: TDistributed,
  alpha: number,
  alternative: Alternative,
): ConfidenceInterval {
  assertAlpha(alpha);
  const reach = standardError * studentTUpperQuantile(alternative === 'two-sided' ? alpha / 2 : alpha, df);
  return {
    low: alternative === 'less' ? -Infinity : difference - reach,
    high: alternative === 'greater' ? Infinity : difference + reach,
  };
}

/** The z of a two-sided 1 − α interval, 1.96 for α = .05. */
export function twoSidedZ(alpha: number): number {
  assertAlpha(alpha);
  return normalUpperQuantile(alpha / 2);
}

export function assertAlpha(alpha: number): void {
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha is ${alpha}, expected a number between 0 and 1`);
}
