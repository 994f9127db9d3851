import { bernoulliInterval } from '#libs/statistics';
import type { Interval } from './gain.js';

/** Units of a variant that something happened to, among all of them. */
export interface Frequency {
  readonly hits: number;
  readonly units: number;
}

/**
 * The candidate's share minus control's, where control's is 0 and a ratio of the two would be infinite: p·(1 − 1/R), with the interval of the
 * ratio R by the test that decides, and an interval of the candidate's share p. Each at level α/2, so that both hold together at all times
 * with probability 1 − α, and the difference is above 0 exactly where R is proven above 1.
 *
 * Assumptions: those of the ratio's interval; for the size of p that the share of units that are hit stays the same. What people do late is
 * missing in p until they have done it.
 *
 * @param lnRatio interval of ln R at level α/2; null before there is one.
 */
export function differenceOfShares(
  { hits, units }: Frequency,
  lnRatio: Interval | null,
  alpha: number,
): { readonly effect: number; readonly interval: Interval | null } {
  const effect = hits / units;
  if (lnRatio === null) return { effect, interval: null };
  const share = bernoulliInterval(hits, units, alpha / 2);
  return {
    effect,
    interval: {
      low: endOf(lnRatio.low, share.low, share.high),
      high: endOf(lnRatio.high, share.high, share.low),
    },
  };
}

/** p·(1 − 1/R) rises with R, and with p where R is above 1. */
function endOf(lnRatio: number, shareAbove: number, shareBelow: number): number {
  return Math.max(-1, -Math.expm1(-lnRatio) * (lnRatio > 0 ? shareAbove : shareBelow)) + 0;
}
