import { type Arm, isRandomised } from '../arm.js';
import { ByPropensity, propensitiesOf } from '../by-propensity.js';
import {
  combineStages,
  differenceEstimate,
  type DifferenceEstimate,
  pairWeight,
  type StageDifference,
} from './difference-estimate.js';

const PREDICTION_FROM = 20;

/** What one allocation contributed: sums of the doubly robust values, and of the plain ones by variant. */
export interface AllocationCell {
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
 *
 * Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, arXiv 2103.06476, section 3. One value per randomised unit; where all values of
 * returning units are shown, see {@link clusteredMeanDifference}. States of disjoint units can be merged, each predicting from its own past.
 */
export interface MeanDifference {
  /** Keyed by propensity. */
  readonly stages: ByPropensity<AllocationCell>;
  n: number;
  sum: number;
}

export function initialMeanDifference(): MeanDifference {
  return { stages: new ByPropensity(), n: 0, sum: 0 };
}

/** Folds one value in, in place; values that are not finite and assignments that were not random are skipped. */
export function observeMean(state: MeanDifference, arm: Arm, propensity: number, value: number): boolean {
  if (!Number.isFinite(value) || !isRandomised(propensity)) return false;
  const stage = state.stages.at(propensity, emptyStage);
  // Before there is a past nothing but 0 would be independent of the value itself; the first values then only build the past.
  if (state.n >= PREDICTION_FROM) {
    const z = value - state.sum / state.n;
    const phi = arm === 'candidate' ? z / propensity : -z / (1 - propensity);
    stage.n += 1;
    stage.sum += phi;
    stage.sumOfSquares += phi * phi;
  }
  const ofArm = arm === 'candidate' ? stage.candidate : stage.control;
  ofArm.n += 1;
  ofArm.sum += value;
  state.n += 1;
  state.sum += value;
  return true;
}

export function mergeMeanDifference(a: MeanDifference, b: MeanDifference): MeanDifference {
  const stages = new ByPropensity<AllocationCell>();
  for (const propensity of propensitiesOf(a.stages, b.stages)) {
    stages.set(
      propensity,
      mergeStages(a.stages.get(propensity) ?? emptyStage(), b.stages.get(propensity) ?? emptyStage()),
    );
  }
  return { stages, n: a.n + b.n, sum: a.sum + b.sum };
}

/**
 * Estimate per variant, their difference and its anytime-valid asymptotic interval.
 *
 * The interval is that of the doubly robust values, by stage: their variance needs no estimate per variant, which at a share of
 * 1 % would rest on a handful of values. Stages are combined with weights n·ρ(1 − ρ), the information a stage holds about the
 * difference at equal spread: fixed by the design, not by the outcomes.
 *
 * The estimate is the plain difference of the variants' means, by stage. Both estimate the same; but a doubly robust mean divides
 * the candidate's sum by the number of values it was to be expected to have, ρn, so with 3 values where 1 was expected an effect
 * reads three times as large. At a share of 1 % and an effect of one standard deviation the root mean squared error after 500 units
 * is .46 for the plain and .62 for the doubly robust estimate, after 2,000 it is .23 and .32; without an effect, and at 50 %, they
 * agree. Where the draws are so far from ρ that the plain difference lies outside of the interval, the interval's nearest end is shown.
 *
 * Burn-in: {@link BURN_IN_UNITS} units per variant, over all stages. It covers at all looks after that for normal values (share of
 * 150 runs of 20,000 units whose 95 % interval ever excluded the truth, at shares of 50, 5 and 1 %: .02, .05, .03), not for rare
 * events or heavy tails at small shares (2 % errors: .05, .19, .16; lognormal, σ = 1.5: .02, .13, .09). It is for the eye; betting
 * decides.
 */
export function meanDifference(state: MeanDifference, alpha: number): DifferenceEstimate {
  const control = armTotal(state, 'control');
  const candidate = armTotal(state, 'candidate');
  const robust = doublyRobustDifference(state);
  const plain = combineStages([...state.stages.values()].flatMap(plainDifference));
  return differenceEstimate(
    {
      control: { mean: meanOf(control), units: control.n },
      candidate: { mean: meanOf(candidate), units: candidate.n },
    },
    plain?.difference ?? robust?.difference ?? null,
    robust,
    alpha,
  );
}

/** Values of one variant and their sum, over all stages. */
export function armTotal({ stages }: MeanDifference, arm: Arm): { readonly n: number; readonly sum: number } {
  const total = { n: 0, sum: 0 };
  for (const stage of stages.values()) {
    total.n += stage[arm].n;
    total.sum += stage[arm].sum;
  }
  return total;
}

/** The doubly robust estimate itself, with its standard error; null before any stage has two values. */
export function doublyRobustDifference(state: MeanDifference): ReturnType<typeof combineStages> {
  const stages: StageDifference[] = [];
  for (const [propensity, { n, sum, sumOfSquares }] of state.stages) {
    if (n < 2) continue;
    const difference = sum / n;
    const spread = Math.max(0, (sumOfSquares - n * difference * difference) / (n - 1));
    stages.push({ n, weight: n * propensity * (1 - propensity), difference, variance: spread / n });
  }
  return combineStages(stages);
}

/** None while a stage has values of one variant only. */
function plainDifference({ control, candidate }: AllocationCell): StageDifference[] {
  const weight = pairWeight(control.n, candidate.n);
  if (weight === 0) return [];
  const difference = candidate.sum / candidate.n - control.sum / control.n;
  return [{ n: control.n + candidate.n, weight, difference, variance: 0 }];
}

function meanOf({ n, sum }: { n: number; sum: number }): number | null {
  return n === 0 ? null : sum / n;
}

function emptyStage(): AllocationCell {
  return { n: 0, sum: 0, sumOfSquares: 0, control: { n: 0, sum: 0 }, candidate: { n: 0, sum: 0 } };
}

function mergeStages(a: AllocationCell, b: AllocationCell): AllocationCell {
  return {
    n: a.n + b.n,
    sum: a.sum + b.sum,
    sumOfSquares: a.sumOfSquares + b.sumOfSquares,
    control: { n: a.control.n + b.control.n, sum: a.control.sum + b.control.sum },
    candidate: { n: a.candidate.n + b.candidate.n, sum: a.candidate.sum + b.candidate.sum },
  };
}
