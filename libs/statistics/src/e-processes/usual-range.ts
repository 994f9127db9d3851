import type { BettingDesign } from './betting.js';

/** Values are clipped so many standard deviations from the usual mean: fewer stake more per value and compare less of it. */
export const USUAL_REACH = 3.6;

/** A variant that spreads further widens the bounds, up to so many times the usual ones. */
const WIDEST = 3;

/**
 * Bounds for values of which a mean and a spread are known beforehand (control's first units): `reach` standard deviations on
 * either side, and further out where a variant turns out to spread further.
 *
 * @param least the spread is taken to be at least this: constant values (a fixed price) must leave room for the margin.
 */
export function usualRange(
  { mean, spread }: { readonly mean: number; readonly spread: number },
  least: number,
  reach = USUAL_REACH,
): Pick<BettingDesign, 'lo' | 'hi'> & Required<Pick<BettingDesign, 'expected' | 'widening'>> {
  const usual = Math.max(spread, least, Number.MIN_VALUE);
  return {
    lo: mean - reach * usual,
    hi: mean + reach * usual,
    expected: mean,
    widening: { spread: usual, atMost: WIDEST },
  };
}
