import type { Arm } from '../arm.js';
import { ByPropensity } from '../by-propensity.js';
import type { RestartedTilt } from './restarted-tilt.js';
import type { Tilt } from './tilt.js';

/**
 * How a variant's tail falls around a limit: its values beyond a place where control's tail has twice the odds that it has beyond the limit, and
 * those of them beyond a place where it has half of these odds.
 */
export interface TailFall {
  beyondLow: number;
  beyondHigh: number;
}

/** By how much the odds at either end differ from those at the limit: the errors of a limit from 20 to 2,000 values lie between. */
const END_ODDS = 2;

/** Before there are values a tail falls one and a half times as steeply as control's, which so many values beyond the lower end outweigh. */
const PRIOR_VALUES = 4;
const PRIOR_BEYOND_HIGH = 1 / 8;
/** Control's, whose law makes the ends. */
const PRIOR_OF_CONTROL = { beyondLow: 4, beyondHigh: 1 };

/** A steepness that equal laws are seen to have by chance, and by the margin that was taken out of one: nothing is discounted up to it. */
const USUAL_STEEPNESS = 1.5;

export function initialTailFall(): TailFall {
  return { beyondLow: 0, beyondHigh: 0 };
}

/** Places around a tail's limit. */
export interface TailEnds {
  /** The limit, where a variant is to be called more often beyond it. */
  readonly over: number;
  readonly low: number;
  readonly high: number;
  /** The limit, {@link FURTHER_VALUES} of control's values further out. */
  readonly further: number;
  /** A place that control's quantile itself is hardly ever beyond. */
  readonly surely: number;
}

/**
 * Of a law that falls κ times as steeply as control's as many values lie, on average, beyond a limit that is read (κ − 1)/2 values further out as beyond
 * the quantile itself: the limit's level e is a beta variable, and the mean of e^κ grows by that. Three: one for a law that falls three times as steeply, two for the luck of the first values.
 */
const FURTHER_VALUES = 3;

/** By how many standard errors of its level a place is further out than a limit that the quantile itself is beyond once in 700 times. */
const SURE_ERRORS = 3;
/** The largest of n values lies within the quantile of `level` with a probability of levelⁿ; surely not where that is less. */
const SURELY = 0.00135;

/** Levels of control's quantiles that are the ends around the one of `level`, read from n values; none is surely beyond it where they are few. */
export function tailEndLevels(
  level: number,
  n: number,
): Readonly<Record<'low' | 'high' | 'further', number>> & { readonly surely: number | null } {
  const odds = (1 - level) / level;
  return {
    low: 1 / (1 + END_ODDS * odds),
    high: 1 / (1 + odds / END_ODDS),
    further: Math.min(1, level + FURTHER_VALUES / n),
    surely: levelSurelyBeyond(level, n),
  };
}

function levelSurelyBeyond(level: number, n: number): number | null {
  const beyond = level + SURE_ERRORS * Math.sqrt((level * (1 - level)) / n);
  if (beyond <= 1) return beyond;
  return level ** n <= SURELY ? 1 : null;
}

/** In values beyond the limit: so much further out than the limit as it is from the median, once there is one. */
const FEW_BEYOND = 3;

/**
 * A place that the quantile of `level` is hardly ever beyond, of a limit that is read from so few values that even the largest may lie within
 * the quantile. By simulation once in 100 to 400 times, of 20 to 128 values, for normal, exponential and lognormal laws (σ = 0.3).
 */
export function surelyBeyondFew(limit: number, median: number, level: number, n: number): number {
  return limit + (FEW_BEYOND / (n * (1 - level))) * (limit - median);
}

/** Counts a value, in place. */
export function noteTailFall(fall: TailFall, ends: TailEnds, value: number): void {
  if (value <= ends.low) return;
  fall.beyondLow += 1;
  if (value > ends.high) fall.beyondHigh += 1;
}

export function sumTailFalls(a: TailFall, b: TailFall): TailFall {
  return { beyondLow: a.beyondLow + b.beyondLow, beyondHigh: a.beyondHigh + b.beyondHigh };
}

/**
 * How many times as steeply as control's the candidate's tail falls around the limit: the ratio of what ln of the share beyond loses from end to end, which is that of
 * the hazards. So many times as much as control's does the ln of how often the candidate is beyond change with the limit. 1.5 as long as none of
 * the candidate's lie there; small where control's are all equal.
 */
export function tailSteepness(control: TailFall, candidate: TailFall): number {
  if (candidate.beyondLow === 0) return USUAL_STEEPNESS;
  const fall = Math.log(
    (candidate.beyondLow + PRIOR_VALUES) / (candidate.beyondHigh + PRIOR_VALUES * PRIOR_BEYOND_HIGH),
  );
  const { beyondLow, beyondHigh } = PRIOR_OF_CONTROL;
  return fall / Math.max(Math.LN2, Math.log((control.beyondLow + beyondLow) / (control.beyondHigh + beyondHigh)));
}

/** A candidate that is worse by much has a tail that falls less steeply at control's limit than control's: two thirds as steeply for 30 %. */
const SURELY_LESS_STEEP = 0.8;

/** Of so many of the candidate's newest values it is looked at how many lie together. */
const NEWEST_VALUES = 24;
/** So many of them lie together where a law has an atom, or nearly one; of a smooth law that is as wide as control's hardly ever do. */
const CROWD = 6;
/** Together lies what is nearer than this share of the way from the limit to where control's quantile surely is not. */
const TOGETHER = 1 / 16;

/** Keeps the candidate's newest values, in place. */
export function noteNewest(newest: number[], value: number): void {
  if (newest.length === NEWEST_VALUES) newest.shift();
  newest.push(value);
}

/**
 * Whether a value of the candidate that lies beyond the limit does not lie there clearly; asked where the candidate is to be called more often beyond. A limit of
 * few values is an estimate that is too low as often as too high, and of a law that falls more steeply than control's far more values lie beyond one that is too
 * low than lack beyond one that is too high. Where many of the candidate's values are nearly equal they change sides of the limit all at once, however many there are: such
 * ones count from where control's quantile surely is not. The first ones count so as well, since nobody knows yet whether they are equal.
 * @param newest the candidate's newest values, with the margin taken out as it is of `value`
 */
export function isHardlyBeyond(
  { ends, fall }: { readonly ends: TailEnds; readonly fall: Record<Arm, TailFall> },
  value: number,
  newest: () => readonly number[],
): boolean {
  if (value <= ends.further && tailSteepness(fall.control, fall.candidate) > SURELY_LESS_STEEP) return true;
  if (value > ends.surely) return false;
  const others = newest();
  const apart = TOGETHER * (ends.surely - ends.over);
  const together = others.filter((other) => Math.abs(other - value) <= apart).length;
  return together + NEWEST_VALUES - others.length >= CROWD;
}

/**
 * Evidence by a limit that was read from control's values, where the candidate's tail falls `steepness` times as steeply as control's.
 *
 * Let κ be the steepness, x = κ − 1, p the tail's share and Dₜ the error of the limit's level, read from all of control's values so far. Where both variants have one quantile the
 * candidate is beyond the limit at p + κDₜ, control at p + Dₜ. Over T values of each Σ Dₜ has the variance 2V, V = p(1 − p)T, and the covariance −V with the number of control's
 * that are beyond. So the difference of the two numbers has the variance V·(2 + 2x + 2x²) instead of 2V; at a share ρ of the traffic it is 1 + ρ(2x + 2x²) times as large as the tilt takes it to be.
 * By so much less an event counts, as by Finney's heterogeneity factor. For a steepness that is given the result stays an e-process (Jensen), and
 * under one share nothing is rejected that the whole evidence would not reject, whatever the steepness is.
 */
export function discountedTilt({ hits }: Tilt, steepness: number): Tilt {
  const x = Math.max(0, steepness - USUAL_STEEPNESS);
  const discounted: Tilt = { hits: new ByPropensity() };
  for (const [propensity, { control, candidate }] of hits) {
    const weight = 1 / (1 + 2 * propensity * (x + x * x));
    discounted.hits.set(propensity, { control: control * weight, candidate: candidate * weight });
  }
  return discounted;
}

/** {@link discountedTilt} of every window. */
export function discountedRestarts({ windows, owed }: RestartedTilt, steepness: number): RestartedTilt {
  return { windows: windows.map((tilt) => discountedTilt(tilt, steepness)), owed };
}
