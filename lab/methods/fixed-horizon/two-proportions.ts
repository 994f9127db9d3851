import { type Alternative, normalP } from './alternative.js';
import { type Proportion, shareOf } from './proportion.js';
import type { Refused } from './refusal.js';

export interface TwoProportionOptions {
  /** `greater`: the first proportion is the greater one. Default: two-sided. */
  readonly alternative?: Alternative;
  /** `pooled`: under the null there is one proportion; `unpooled`: two, as in the Wald interval. Default pooled. */
  readonly variance?: 'pooled' | 'unpooled';
}

export interface TwoProportionResult {
  /** First share − second share. */
  readonly difference: number;
  readonly standardError: number;
  readonly statistic: number;
  readonly p: number;
}

/**
 * z test of two independent proportions, without correction for continuity. Its square, pooled, is Pearson's χ².
 *
 * Source: Fleiss, Levin, Paik, Statistical Methods for Rates and Proportions (2003), §3.2.
 * Assumptions: large counts (five successes and failures in either arm), one look at a sample size fixed beforehand.
 * Refuses an arm without trials, and shares that leave no variance (all successes or none).
 */
export function twoProportionTest(
  x: Proportion,
  y: Proportion,
  options: TwoProportionOptions = {},
): TwoProportionResult | Refused<'no-trials' | 'no-variance'> {
  const { alternative = 'two-sided', variance = 'pooled' } = options;
  const first = shareOf(x);
  const second = shareOf(y);
  if (first === null || second === null) return { refused: 'no-trials' };
  const squaredError = variance === 'pooled' ? pooledVariance(x, y) : unpooledVariance(x, y);
  if (squaredError === 0) return { refused: 'no-variance' };
  const standardError = Math.sqrt(squaredError);
  const difference = first - second;
  const statistic = difference / standardError;
  return { difference, standardError, statistic, p: normalP(statistic, alternative) };
}

/** Variance of the difference if both arms share one proportion. */
function pooledVariance(x: Proportion, y: Proportion): number {
  const trials = x.trials + y.trials;
  const share = (x.successes + y.successes) / trials;
  return share * (1 - share) * (1 / x.trials + 1 / y.trials);
}

/** Variance of the difference, each arm with its own proportion. */
export function unpooledVariance(x: Proportion, y: Proportion): number {
  return ownVariance(x) + ownVariance(y);
}

function ownVariance({ successes, trials }: Proportion): number {
  return ((successes / trials) * (1 - successes / trials)) / trials;
}
