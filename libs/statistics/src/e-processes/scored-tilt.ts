import { type Arm, isRandomised } from '../arm.js';
import { TILTS } from './tilt.js';
import {
  initialWealth,
  LARGEST_MANTISSA,
  lnMeanWealth,
  mergeWealth,
  rescaleWealth,
  SMALLEST_MANTISSA,
  type Wealth,
} from './wealth.js';

const HALF = TILTS.length;

/** Of the module's own, because a loader may turn every use of an imported name into a call. */
const SMALLEST = SMALLEST_MANTISSA;
const LARGEST = LARGEST_MANTISSA;

/** All tilts are multiples of this one, so that the exponential of every tilt is a power of a single exponential. */
const UNIT = 0.05;
const POWERS = TILTS.map((tilt) => Math.round(tilt / UNIT));

/**
 * Propensity-tilt e-process for scores g ∈ [−1, 1]: tests that both variants' scores follow the same law. The score may depend on
 * the observation and the past only, for example 2 · midrank among past pooled values − 1.
 *
 * `ln E = ln mean_k exp Σ [β_k g A − ln(1 − ρ + ρ e^{β_k g})]`; sources and assumptions as of the events' tilt.
 * Not restricted to a margin: a shift in any direction counts, so it warns, it does not promote.
 */
export interface ScoredTilt {
  /** One product per tilt, positive tilts first. */
  readonly wealth: Wealth;
}

export function initialScoredTilt(): ScoredTilt {
  return { wealth: initialWealth(2 * HALF) };
}

/** Folds one score in, in place; scores outside [−1, 1] or NaN are refused with an error, unrandomised assignments skipped. */
export function observeScore(state: ScoredTilt, arm: Arm, propensity: number, score: number): boolean {
  if (!(score >= -1 && score <= 1)) throw new RangeError(`tilt score ${score}: expected a number between -1 and 1`);
  if (!isRandomised(propensity)) return false;
  const { wealth } = state;
  const isCandidate = arm === 'candidate';
  const other = 1 - propensity;
  const unit = Math.exp(UNIT * score);
  let power = 1;
  let at = 0;
  let areInScale = true;
  for (let k = 0; k < HALF; k++) {
    for (; at < (POWERS[k] as number); at++) power *= unit;
    // A = 1: e^βg / (1 − ρ + ρe^βg), A = 0: 1 / (…); for −β both with e^−βg, numerator and denominator times e^βg.
    const up = (wealth[k] as number) * ((isCandidate ? power : 1) / (other + propensity * power));
    const down = (wealth[HALF + k] as number) * ((isCandidate ? 1 : power) / (other * power + propensity));
    wealth[k] = up;
    wealth[HALF + k] = down;
    areInScale &&= up > SMALLEST && up < LARGEST && down > SMALLEST && down < LARGEST;
  }
  if (!areInScale) rescaleWealth(wealth, 0, 2 * HALF);
  return true;
}

/** ln E against "same law", for scores of the candidate that tend to be higher, or in either direction. */
export function lnEShift(state: ScoredTilt, direction: 'higher' | 'either'): number {
  return lnMeanWealth(state.wealth, 0, direction === 'either' ? 2 * HALF : HALF);
}

export function mergeScoredTilt(a: ScoredTilt, b: ScoredTilt): ScoredTilt {
  return { wealth: mergeWealth(a.wealth, b.wealth) };
}
