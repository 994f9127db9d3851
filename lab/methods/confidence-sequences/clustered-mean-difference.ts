import {
  type Arm,
  combineStages,
  differenceEstimate,
  type DifferenceEstimate,
  isRandomised,
  pairWeight,
  type StageDifference,
} from '#libs/statistics';
import {
  clusterMean,
  type ClusterMoments,
  initialClusterMoments,
  mergeClusterMoments,
  observeInUnit,
  type UnitTotals,
} from '../summaries/cluster-moments.js';
import { mergeStagesByArm, stageOf, type StagesByArm } from './paired-stages.js';

/**
 * Difference of two means per generation where units were randomised and all of their generations are shown: the variance is
 * taken over units. Kept per propensity, like {@link MeanDifference}.
 */
export interface ClusteredMeanDifference {
  /** A value near the mean, fixed beforehand; see {@link ClusterMoments}. */
  readonly centre: number;
  /** Keyed by the propensity with which the unit was drawn. */
  readonly stages: StagesByArm<ClusterMoments>;
}

export function initialClusteredMeanDifference(centre = 0): ClusteredMeanDifference {
  return { centre, stages: new Map() };
}

/**
 * Folds one value of a unit in, in place; values that are not finite and assignments that were not random are skipped.
 * Many parameters because it is called per event, and is to allocate nothing there.
 *
 * @param propensity with which the unit was drawn at its first assignment: the same for all of its values.
 * @param unit what the unit contributed before, `NEW_UNIT` at first.
 * @returns the unit's new totals.
 */
export function observeClustered(
  state: ClusteredMeanDifference,
  arm: Arm,
  propensity: number,
  unit: UnitTotals,
  value: number,
): UnitTotals {
  if (!Number.isFinite(value) || !isRandomised(propensity)) return unit;
  const stage = stageOf(state.stages, propensity, () => initialClusterMoments(state.centre));
  return observeInUnit(stage[arm], unit, value);
}

/** States of disjoint units; their centres must agree. */
export function mergeClusteredMeanDifference(
  a: ClusteredMeanDifference,
  b: ClusteredMeanDifference,
): ClusteredMeanDifference {
  if (a.centre !== b.centre) {
    throw new RangeError(`can't merge differences centred at ${a.centre} and at ${b.centre}: expected one centre`);
  }
  const initial = () => initialClusterMoments(a.centre);
  return { centre: a.centre, stages: mergeStagesByArm(a.stages, b.stages, initial, mergeClusterMoments) };
}

/**
 * Mean per generation of each variant, their difference and its anytime-valid asymptotic interval, by the delta method over units
 * within a stage and by the weights `K_C K_T / (K_C + K_T)` over stages, K counting units.
 *
 * Source: Deng, Knoblich, Lu, KDD 2018, for the variance; Waudby-Smith et al., arXiv 2103.06476, for the sequence.
 * Assumptions: units are independent; how often a unit comes back may depend on its variant, then that is part of the
 * difference. Asymptotic in units; burn-in 100 of each variant. For the eye.
 */
export function clusteredMeanDifference(state: ClusteredMeanDifference, alpha: number): DifferenceEstimate {
  const pooled = { control: initialClusterMoments(state.centre), candidate: initialClusterMoments(state.centre) };
  const stages: StageDifference[] = [];
  for (const { control, candidate } of state.stages.values()) {
    pooled.control = mergeClusterMoments(pooled.control, control);
    pooled.candidate = mergeClusterMoments(pooled.candidate, candidate);
    const compared = compareClusters(control, candidate);
    if (compared === null) continue;
    stages.push({
      n: control.units + candidate.units,
      weight: pairWeight(control.units, candidate.units),
      difference: compared.difference,
      variance: compared.standardError ** 2,
    });
  }
  const combined = combineStages(stages);
  return differenceEstimate(
    {
      control: { mean: clusterMean(pooled.control)?.mean ?? null, units: pooled.control.units },
      candidate: { mean: clusterMean(pooled.candidate)?.mean ?? null, units: pooled.candidate.units },
    },
    combined?.difference ?? null,
    combined,
    alpha,
  );
}

/** Two means over clusters compared, absolutely and relative to control's. */
export interface ClusterComparison {
  readonly difference: number;
  readonly standardError: number;
  /** difference / control's mean and its delta-method standard error; null where control's mean is 0. */
  readonly relative: { readonly difference: number; readonly standardError: number } | null;
}

/** Candidate − control with delta-method standard errors at one look; null below two units in either. */
export function compareClusters(control: ClusterMoments, candidate: ClusterMoments): ClusterComparison | null {
  const [base, other] = [clusterMean(control), clusterMean(candidate)];
  if (base === null || other === null || base.variance === null || other.variance === null) return null;
  const difference = other.mean - base.mean;
  const ratio = other.mean / base.mean;
  return {
    difference,
    standardError: Math.sqrt(base.variance + other.variance),
    relative:
      base.mean === 0
        ? null
        : {
            difference: difference / base.mean,
            standardError: Math.sqrt(other.variance + ratio * ratio * base.variance) / Math.abs(base.mean),
          },
  };
}
