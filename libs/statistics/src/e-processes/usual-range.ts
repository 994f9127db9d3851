import type { BettingDesign } from './betting.js';

/** Values are clipped so many standard deviations from the usual mean: fewer stake more per value and compare less of it. */
export const USUAL_REACH = 3.6;

/** A variant that spreads further widens the bounds, up to so many times the usual ones. */
const WIDEST = 3;

/** No spread is taken to be smaller, so that bounds around it differ from each other. */
const LEAST_SPREAD = 1e-200;

/**
 * Values that the recent mean remembers. As a centre it costs 1/127 of the variance more than the mean of everything would without a drift,
 * and follows one with a lag of 64 values.
 */
export const RECENT_MEMORY = 64;

export type UsualRange = Pick<BettingDesign, 'lo' | 'hi' | 'limits'> &
  Required<Pick<BettingDesign, 'expected' | 'widening' | 'recent'>>;

/** How far bounds reach. */
export interface Reach {
  /** In standard deviations. Default: {@link USUAL_REACH}. */
  readonly spreads?: number;
  /** How many times as far they go where a variant spreads further. Default: 3. */
  readonly atMost?: number;
  /** Where values lie whatever happens. */
  readonly limits?: NonNullable<BettingDesign['limits']>;
}

/**
 * Bounds for values of which a mean and a spread are known beforehand (control's first units): `reach` standard deviations on
 * either side, further out where a variant turns out to spread further, and moving with the recent mean.
 *
 * @param least the spread is taken to be at least this: constant values (a fixed price) must leave room for the margin.
 */
export function usualRange(
  { mean, spread }: { readonly mean: number; readonly spread: number },
  least: number,
  { spreads = USUAL_REACH, atMost = WIDEST, limits }: Reach = {},
): UsualRange {
  const usual = Math.max(spread, least, LEAST_SPREAD);
  // A mean beyond the limits says that they are not this metric's.
  const within = limits && limits.lo <= mean && mean <= limits.hi ? limits : undefined;
  return {
    lo: Math.max(within?.lo ?? -Infinity, mean - spreads * usual),
    hi: Math.min(within?.hi ?? Infinity, mean + spreads * usual),
    expected: mean,
    widening: { spread: usual, atMost },
    recent: { memory: RECENT_MEMORY, movesBounds: true },
    ...(within ? { limits: within } : {}),
  };
}
