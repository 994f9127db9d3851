import { type Arm, isRandomised } from '../arm.js';
import { asymptoticHalfWidth } from './asymptotic-sequence.js';

/** Units per variant before a variance is trusted enough to draw an interval. */
export const BURN_IN_UNITS = 100;

const PREDICTION_FROM = 20;

/** What one allocation contributed: sums of the doubly robust values, and of the plain ones by variant. */
export interface Stage {
  n: number;
  sum: number;
  sumOfSquares: number;
  control: { n: number; sum: number };
  candidate: { n: number; sum: number };
}

/**
 * Difference of two means (candidate − control) for the eye, from doubly robust values under a known propensity.
 * With z = x − c, c the mean of all values seen before, φ = z/ρ for the candidate and −z/(1 − ρ) for control.
 *
 * Kept per propensity, since values drawn under different allocations must not be averaged per variant: over a ramp, drift
 * in the traffic would look like a difference (see {@link meanDifference}).
 */
export interface MeanDifference {
  /** Keyed by propensity. */
  readonly stages: Map<number, Stage>;
  n: number;
  sum: number;
}

export function initialMeanDifference(): MeanDifference {
  return { stages: new Map(), n: 0, sum: 0 };
}

/** Folds one value in, in place; values that are not finite and assignments that were not random are skipped. */
export function observeMean(state: MeanDifference, arm: Arm, propensity: number, value: number): boolean {
  if (!Number.isFinite(value) || !isRandomised(propensity)) return false;
  const stage = state.stages.get(propensity) ?? emptyStage();
  state.stages.set(propensity, stage);
  // Before there is a past nothing but 0 would be independent of the value itself; the first values then only build the past.
  if (state.n >= PREDICTION_FROM) {
    const z = value - state.sum / state.n;
    const phi = arm === 'candidate' ? z / propensity : -z / (1 - propensity);
    stage.n += 1;
    stage.sum += phi;
    stage.sumOfSquares += phi * phi;
  }
  stage[arm].n += 1;
  stage[arm].sum += value;
  state.n += 1;
  state.sum += value;
  return true;
}

export function mergeMeanDifference(a: MeanDifference, b: MeanDifference): MeanDifference {
  const stages = new Map<number, Stage>();
  const propensities = new Set([...a.stages.keys(), ...b.stages.keys()]);
  for (const propensity of [...propensities].sort((x, y) => x - y)) {
    stages.set(
      propensity,
      mergeStages(a.stages.get(propensity) ?? emptyStage(), b.stages.get(propensity) ?? emptyStage()),
    );
  }
  return { stages, n: a.n + b.n, sum: a.sum + b.sum };
}

export interface DifferenceEstimate {
  readonly control: number | null;
  readonly candidate: number | null;
  readonly difference: number | null;
  readonly interval: { readonly low: number; readonly high: number } | null;
  /** Why there is no interval; null when there is one. */
  readonly missing: 'no-data' | 'burn-in' | 'no-variance' | null;
}

/**
 * Estimate per variant, their difference and its anytime-valid asymptotic interval.
 *
 * The stages are combined with weights n·ρ(1 − ρ), the information a stage holds about the difference at equal spread: fixed
 * by the design, not by the outcomes. Burn-in: {@link BURN_IN_UNITS} units per variant, over all stages.
 */
export function meanDifference(state: MeanDifference, alpha: number): DifferenceEstimate {
  const control = { n: 0, sum: 0 };
  const candidate = { n: 0, sum: 0 };
  let weights = 0;
  let difference = 0;
  let variance = 0;
  let n = 0;
  for (const [propensity, stage] of state.stages) {
    control.n += stage.control.n;
    control.sum += stage.control.sum;
    candidate.n += stage.candidate.n;
    candidate.sum += stage.candidate.sum;
    if (stage.n < 2) continue;
    const weight = stage.n * propensity * (1 - propensity);
    const mean = stage.sum / stage.n;
    const spread = Math.max(0, (stage.sumOfSquares - stage.n * mean * mean) / (stage.n - 1));
    n += stage.n;
    weights += weight;
    difference += weight * mean;
    variance += (weight * weight * spread) / stage.n;
  }
  const means = {
    control: control.n === 0 ? null : control.sum / control.n,
    candidate: candidate.n === 0 ? null : candidate.sum / candidate.n,
  };
  if (means.control === null || means.candidate === null || weights === 0) {
    return { ...means, difference: null, interval: null, missing: 'no-data' };
  }
  const estimate = difference / weights;
  if (control.n < BURN_IN_UNITS || candidate.n < BURN_IN_UNITS) {
    return { ...means, difference: estimate, interval: null, missing: 'burn-in' };
  }
  const standardError = Math.sqrt(variance) / weights;
  if (standardError === 0) return { ...means, difference: estimate, interval: null, missing: 'no-variance' };
  const halfWidth = asymptoticHalfWidth(standardError, n, alpha);
  return {
    ...means,
    difference: estimate,
    interval: { low: estimate - halfWidth, high: estimate + halfWidth },
    missing: null,
  };
}

function emptyStage(): Stage {
  return { n: 0, sum: 0, sumOfSquares: 0, control: { n: 0, sum: 0 }, candidate: { n: 0, sum: 0 } };
}

function mergeStages(a: Stage, b: Stage): Stage {
  return {
    n: a.n + b.n,
    sum: a.sum + b.sum,
    sumOfSquares: a.sumOfSquares + b.sumOfSquares,
    control: { n: a.control.n + b.control.n, sum: a.control.sum + b.control.sum },
    candidate: { n: a.candidate.n + b.candidate.n, sum: a.candidate.sum + b.candidate.sum },
  };
}
