import { type Alternative, studentTP } from './alternative.js';
import { type ConfidenceInterval, studentTInterval } from './confidence-interval.js';
import { midranks, pooled } from './midranks.js';
import type { Refused } from './refusal.js';
import { rankable, type Values } from './sample.js';

export interface BrunnerMunzelOptions {
  /** `greater`: values of x tend to be greater than values of y. Default: two-sided. */
  readonly alternative?: Alternative;
  /** The interval covers with probability 1 − alpha. Default .05. */
  readonly alpha?: number;
}

export interface BrunnerMunzelResult {
  /** P(X < Y) + ½ P(X = Y): above ½ where values of y tend to be greater. */
  readonly estimate: number;
  readonly standardError: number;
  readonly df: number;
  /** (estimate − ½) / standardError. */
  readonly statistic: number;
  readonly p: number;
  /** Of the estimate, within [0, 1]; up to an end of that range for a one-sided alternative. */
  readonly interval: ConfidenceInterval;
}

export type BrunnerMunzelRefusal = 'not-a-number' | 'too-few-values' | 'no-variance' | 'complete-separation';

/**
 * Brunner-Munzel test: is a value of one arm as likely to exceed one of the other arm as the other way round? Spreads and
 * shapes may differ, ties are allowed, +Infinity is a legal value (a timeout).
 *
 * Source: Brunner & Munzel, Biometrical Journal 42 (2000), t approximation of §4.
 * Assumptions: independent values, some ten of them per arm, one look at a sample size fixed beforehand.
 * Refuses missing values, fewer than two values in an arm, all values tied (`no-variance`), and arms that don't overlap
 * (`complete-separation`: the variance is zero; {@link mannWhitneyTest} answers there). O(n log n).
 */
export function brunnerMunzelTest(
  x: Values,
  y: Values,
  options: BrunnerMunzelOptions = {},
): BrunnerMunzelResult | Refused<BrunnerMunzelRefusal> {
  const { alternative = 'two-sided', alpha = 0.05 } = options;
  const first = rankable(x);
  if ('refused' in first) return first;
  const second = rankable(y);
  if ('refused' in second) return second;
  const nx = first.length;
  const ny = second.length;
  if (nx < 2 || ny < 2) return { refused: 'too-few-values' };

  const { ranks } = midranks(pooled(first, second));
  const belowX = placements(ranks.subarray(0, nx), first);
  const belowY = placements(ranks.subarray(nx), second);
  const estimate = belowY.mean / nx;
  // Variances of the shares of the other arm that lie below a value.
  const ofX = belowX.variance / (ny * ny * nx);
  const ofY = belowY.variance / (nx * nx * ny);
  const squaredError = ofX + ofY;
  if (squaredError === 0) return { refused: estimate === 0.5 ? 'no-variance' : 'complete-separation' };

  const standardError = Math.sqrt(squaredError);
  const df = (squaredError * squaredError) / ((ofX * ofX) / (nx - 1) + (ofY * ofY) / (ny - 1));
  const statistic = (estimate - 0.5) / standardError;
  // The estimate speaks of y, the alternative of x.
  const ofEstimate = alternative === 'greater' ? 'less' : alternative === 'less' ? 'greater' : 'two-sided';
  const { low, high } = studentTInterval({ difference: estimate, standardError, df }, alpha, ofEstimate);
  return {
    estimate,
    standardError,
    df,
    statistic,
    p: studentTP(statistic, df, ofEstimate),
    interval: { low: Math.max(0, low), high: Math.min(1, high) },
  };
}

/** How many values of the other arm lie below each value (ties half): its rank among all less its rank in its own arm. */
function placements(ranks: Float64Array, values: Float64Array): { mean: number; variance: number } {
  const own = midranks(values).ranks;
  const n = values.length;
  const below = ranks.map((rank, index) => rank - (own[index] as number));
  const mean = below.reduce((sum, count) => sum + count, 0) / n;
  return { mean, variance: below.reduce((sum, count) => sum + (count - mean) ** 2, 0) / (n - 1) };
}
