import {
  type Arm,
  combineStages,
  type Covariance,
  differenceEstimate,
  type DifferenceEstimate,
  initialCovariance,
  isRandomised,
  mergeCovariances,
  observePair,
  pairWeight,
  type StageDifference,
} from '#libs/statistics';
import { adjustedMean, adjustedVariance, pooledSlope } from '../summaries/regression-adjustment.js';
import { mergeStagesByArm, stageOf, type StagesByArm } from './paired-stages.js';

/**
 * Difference of two means, adjusted for a covariate that was known of each unit before the experiment (CUPED): the part of the
 * values' spread that the covariate explains is gone from the interval. One value per unit. Kept per propensity, like
 * {@link MeanDifference}.
 */
export interface AdjustedMeanDifference {
  /** Covariate x and value y, keyed by propensity. */
  readonly stages: StagesByArm<Covariance>;
}

export function initialAdjustedMeanDifference(): AdjustedMeanDifference {
  return { stages: new Map() };
}

/**
 * Folds one unit in, in place; numbers that are not finite and assignments that were not random are skipped.
 * Many parameters because it is called per event, and is to allocate nothing there.
 *
 * @param covariate fixed before the unit was assigned. A unit that has none needs a constant one, the same for both variants
 *   (its mean over other units), or leaving it out would compare different units.
 */
export function observeAdjusted(
  state: AdjustedMeanDifference,
  arm: Arm,
  propensity: number,
  covariate: number,
  value: number,
): boolean {
  if (!Number.isFinite(covariate) || !Number.isFinite(value) || !isRandomised(propensity)) return false;
  return observePair(stageOf(state.stages, propensity, initialCovariance)[arm], covariate, value);
}

export function mergeAdjustedMeanDifference(
  a: AdjustedMeanDifference,
  b: AdjustedMeanDifference,
): AdjustedMeanDifference {
  return { stages: mergeStagesByArm(a.stages, b.stages, initialCovariance, mergeCovariances) };
}

/**
 * Adjusted means, their difference and its anytime-valid asymptotic interval. θ is pooled within variants and stages; the means are
 * adjusted to the covariate's mean over all units, so the difference stays that of the values and only its spread shrinks, by the
 * squared correlation of value and covariate.
 *
 * Source: Deng, Xu, Kohavi, Walker, WSDM 2013; Waudby-Smith et al., arXiv 2103.06476, section 3.2, for sequences of regression-adjusted
 * estimates. Stages have the weights `n_C n_T / (n_C + n_T)`. Burn-in 100 units of each variant. For the eye; in betting, the
 * covariate's prediction may be used as the centre instead.
 */
export function adjustedMeanDifference(state: AdjustedMeanDifference, alpha: number): DifferenceEstimate {
  const groups = [...state.stages.values()];
  const theta = pooledSlope(groups.flatMap(({ control, candidate }) => [control, candidate]));
  const control = groups.reduce((sum, stage) => mergeCovariances(sum, stage.control), initialCovariance());
  const candidate = groups.reduce((sum, stage) => mergeCovariances(sum, stage.candidate), initialCovariance());
  const centre = mergeCovariances(control, candidate).meanX;
  const combined = combineStages(groups.flatMap((stage) => adjustedDifference(stage, theta)));
  return differenceEstimate(
    {
      control: { mean: adjustedMean(control, theta, centre), units: control.n },
      candidate: { mean: adjustedMean(candidate, theta, centre), units: candidate.n },
    },
    combined?.difference ?? null,
    combined,
    alpha,
  );
}

/** None below two units of either variant. */
function adjustedDifference({ control, candidate }: Record<Arm, Covariance>, theta: number): StageDifference[] {
  const ofControl = adjustedVariance(control, theta);
  const ofCandidate = adjustedVariance(candidate, theta);
  if (ofControl === null || ofCandidate === null) return [];
  return [
    {
      n: control.n + candidate.n,
      weight: pairWeight(control.n, candidate.n),
      difference: candidate.meanY - control.meanY - theta * (candidate.meanX - control.meanX),
      variance: ofControl / control.n + ofCandidate / candidate.n,
    },
  ];
}
