import { type Arm, isRandomised } from '../arm.js';
import { logMeanExp } from '../distributions/log-space.js';
import { TILTS } from './tilt.js';

const GRID = Float64Array.from([...TILTS, ...TILTS.map((tilt) => -tilt)]);

/**
 * Propensity-tilt e-process for scores g ∈ [−1, 1]: tests that both variants' scores follow the same law. The score may depend on
 * the observation and the past only, for example 2 · midrank among past pooled values − 1.
 *
 * `ln E = ln mean_k exp Σ [β_k g A − ln(1 − ρ + ρ e^{β_k g})]`; sources and assumptions as of the events' tilt.
 * Not restricted to a margin: a shift in any direction counts, so it warns, it does not promote.
 */
export interface ScoredTilt {
  /** One logarithm per tilt, positive tilts first. */
  readonly sums: Float64Array;
}

export function initialScoredTilt(): ScoredTilt {
  return { sums: new Float64Array(GRID.length) };
}

/** Folds one score in, in place; scores outside [−1, 1] or NaN are refused with an error, unrandomised assignments skipped. */
export function observeScore(state: ScoredTilt, arm: Arm, propensity: number, score: number): boolean {
  if (!(score >= -1 && score <= 1)) throw new RangeError(`tilt score ${score}: expected a number between -1 and 1`);
  if (!isRandomised(propensity)) return false;
  for (let k = 0; k < GRID.length; k++) {
    const tilt = (GRID[k] as number) * score;
    const gain = (arm === 'candidate' ? tilt : 0) - Math.log1p(propensity * Math.expm1(tilt));
    state.sums[k] = (state.sums[k] as number) + gain;
  }
  return true;
}

/** ln E against "same law", for scores of the candidate that tend to be higher, or in either direction. */
export function lnEShift(state: ScoredTilt, direction: 'higher' | 'either'): number {
  return logMeanExp(direction === 'either' ? state.sums : state.sums.subarray(0, TILTS.length));
}

export function mergeScoredTilt(a: ScoredTilt, b: ScoredTilt): ScoredTilt {
  return { sums: a.sums.map((value, k) => value + (b.sums[k] as number)) };
}
