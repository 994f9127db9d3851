import { expectCounts, type Votes } from '#libs/statistics';
import { binomialLowerTail } from '../distributions/binomial.js';

/**
 * Two-sided p-value of the exact sign test, ties dropped: for comparison with fixed-horizon reports. Only valid when the number
 * of votes was fixed beforehand and it is looked at once. 1 without votes.
 *
 * Source: Conover, Practical Nonparametric Statistics (3rd ed.), §3.4: twice the smaller tail of the binomial law at ½.
 */
export function fixedSignTestP({ wins, losses }: Pick<Votes, 'wins' | 'losses'>): number {
  expectCounts(wins, losses);
  return Math.min(1, 2 * binomialLowerTail(Math.min(wins, losses), wins + losses, 0.5));
}
