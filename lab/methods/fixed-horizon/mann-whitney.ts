import { type Alternative, normalP } from './alternative.js';
import { mannWhitneyLowerTail } from './mann-whitney-lower-tail.js';
import { midranks, pooled } from './midranks.js';
import type { Refused } from './refusal.js';
import { rankable, type Values } from './sample.js';

/**
 * The exact distribution is computed up to so many pairs nx·ny. Beyond, the normal approximation is off by less than 5e-4 for
 * p below .05 where both arms have 50 values and more; by more where one of them has only a few.
 */
export const MOST_EXACT_PAIRS = 2_500;

export interface MannWhitneyOptions {
  /** `greater`: values of x tend to be greater than values of y. Default: two-sided. */
  readonly alternative?: Alternative;
  /** Default `auto`: exact where there are no ties and at most {@link MOST_EXACT_PAIRS} pairs. */
  readonly method?: 'auto' | 'exact' | 'asymptotic';
  /** Whether the normal approximation moves U half a step towards its mean. Default true. */
  readonly continuity?: boolean;
}

interface RankSum {
  /** Pairs with x > y, ties counted half. */
  readonly u: number;
  /** P(X > Y) + ½ P(X = Y), estimated: u over all pairs. */
  readonly superiority: number;
  readonly p: number;
}

/** Which method gave the p-value is always said: [10, 11, 12] greater than [1, 2, 3] is .05 exactly and .0404 asymptotically. */
export type MannWhitneyResult =
  | (RankSum & { readonly method: 'exact' })
  | (RankSum & {
      readonly method: 'asymptotic';
      readonly continuity: boolean;
      /** U standardised, the correction for continuity included. */
      readonly statistic: number;
    });

export type MannWhitneyRefusal = 'not-a-number' | 'too-few-values' | 'no-variance' | 'ties' | 'too-many-pairs';

/**
 * Mann-Whitney U test (Wilcoxon's rank sum): are two distributions the same? +Infinity is a legal value, a timeout.
 *
 * It tests equality of the two laws. It is no test of means or medians: with equal means and unequal spreads it rejects more
 * often than α (see fixed-horizon.sim.spec.ts); {@link brunnerMunzelTest} allows for unequal spreads.
 *
 * Source: Mann & Whitney, Ann. Math. Statist. 18 (1947); variance with ties: Lehmann, Nonparametrics (1975), §1.4.
 * Assumptions: independent values, one look at a sample size fixed beforehand.
 * Refuses missing values, an empty arm, all values tied; where `exact` is asked for also ties and too many pairs.
 * O(n log n), exact O((nx·ny)²).
 */
export function mannWhitneyTest(
  x: Values,
  y: Values,
  options: MannWhitneyOptions = {},
): MannWhitneyResult | Refused<MannWhitneyRefusal> {
  const { alternative = 'two-sided', method = 'auto', continuity = true } = options;
  const first = rankable(x);
  if ('refused' in first) return first;
  const second = rankable(y);
  if ('refused' in second) return second;
  const nx = first.length;
  const ny = second.length;
  if (nx === 0 || ny === 0) return { refused: 'too-few-values' };
  const { ranks, ties } = midranks(pooled(first, second));
  const pairs = nx * ny;
  const u = ranks.subarray(0, nx).reduce((sum, rank) => sum + rank, 0) - (nx * (nx + 1)) / 2;
  const superiority = u / pairs;

  if (method === 'exact') {
    if (ties > 0) return { refused: 'ties' };
    if (pairs > MOST_EXACT_PAIRS) return { refused: 'too-many-pairs' };
  }
  if (method !== 'asymptotic' && ties === 0 && pairs <= MOST_EXACT_PAIRS) {
    return { u, superiority, p: exactP(u, nx, ny, alternative), method: 'exact' };
  }
  const n = nx + ny;
  const variance = (pairs / 12) * (n + 1 - ties / (n * (n - 1)));
  if (isOneTie(ties, n)) return { refused: 'no-variance' };
  const deviation = u - pairs / 2;
  const statistic = (deviation - (continuity ? correction(deviation, alternative) : 0)) / Math.sqrt(variance);
  return { u, superiority, p: normalP(statistic, alternative), method: 'asymptotic', continuity, statistic };
}

/** All values tied: said of the ties and not of the variance, which would be 0 only up to rounding. */
function isOneTie(ties: number, n: number): boolean {
  return ties === n * (n * n - 1);
}

/** Half a step towards the mean; two-sided never beyond it. */
function correction(deviation: number, alternative: Alternative): number {
  switch (alternative) {
    case 'two-sided':
      return Math.sign(deviation) * Math.min(0.5, Math.abs(deviation));
    case 'greater':
      return 0.5;
    case 'less':
      return -0.5;
    default:
      return alternative satisfies never;
  }
}

function exactP(u: number, nx: number, ny: number, alternative: Alternative): number {
  const pairs = nx * ny;
  // The distribution is symmetric, so every tail is a lower tail: added up from its small end.
  const atMost = (end: number): number => Math.min(1, mannWhitneyLowerTail(end, nx, ny));
  switch (alternative) {
    case 'two-sided':
      return Math.min(1, 2 * atMost(Math.min(u, pairs - u)));
    case 'greater':
      return atMost(pairs - u);
    case 'less':
      return atMost(u);
    default:
      return alternative satisfies never;
  }
}
