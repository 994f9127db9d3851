import type { Arm } from '../arm.js';
import { asymptoticHalfWidth } from './asymptotic-sequence.js';

/** Units per variant before a variance is trusted enough to draw an interval. */
export const BURN_IN_UNITS = 100;

/** What is shown of a metric: the variants' means, their difference (candidate − control) and its interval. */
export interface DifferenceEstimate {
  readonly control: number | null;
  readonly candidate: number | null;
  readonly difference: number | null;
  readonly interval: { readonly low: number; readonly high: number } | null;
  /** Why there is no interval; null when there is one. */
  readonly missing: 'no-data' | 'burn-in' | 'no-variance' | null;
}

/** The difference within one stage of constant allocation, from `n` units of both variants. */
export interface StageDifference {
  readonly n: number;
  /** Fixed by the design and the draws, not by the outcomes. */
  readonly weight: number;
  readonly difference: number;
  /** Of the difference. */
  readonly variance: number;
}

/**
 * The weighted mean of the stages' differences: values of different allocations never meet, or drift over a ramp would look like an
 * effect. Null without a stage that has weight.
 */
export function combineStages(
  stages: Iterable<StageDifference>,
): { readonly n: number; readonly difference: number; readonly standardError: number } | null {
  let n = 0;
  let weights = 0;
  let difference = 0;
  let variance = 0;
  for (const stage of stages) {
    n += stage.n;
    weights += stage.weight;
    difference += stage.weight * stage.difference;
    variance += stage.weight * stage.weight * stage.variance;
  }
  if (weights === 0) return null;
  return { n, difference: difference / weights, standardError: Math.sqrt(variance) / weights };
}

/** What two independent means know about their difference at equal spread, in units: the weight of a stage. 0 while one is empty. */
export function pairWeight(nControl: number, nCandidate: number): number {
  const n = nControl + nCandidate;
  return n === 0 ? 0 : (nControl * nCandidate) / n;
}

/** What is known of one variant; null without data. */
export interface VariantMean {
  readonly mean: number | null;
  readonly units: number;
}

/**
 * Means with the asymptotic sequence's interval around `centre`, or the reason why there is none yet.
 * @param difference shown as the estimate; moved to the interval's nearest end where it lies outside.
 */
export function differenceEstimate(
  variants: Readonly<Record<Arm, VariantMean>>,
  difference: number | null,
  centre: ReturnType<typeof combineStages>,
  alpha: number,
): DifferenceEstimate {
  const { control, candidate } = variants;
  const means = { control: control.mean, candidate: candidate.mean };
  if (means.control === null || means.candidate === null || difference === null) {
    return { ...means, difference: null, interval: null, missing: 'no-data' };
  }
  if (control.units < BURN_IN_UNITS || candidate.units < BURN_IN_UNITS || centre === null) {
    return { ...means, difference, interval: null, missing: 'burn-in' };
  }
  if (!(centre.standardError > 0)) return { ...means, difference, interval: null, missing: 'no-variance' };
  const halfWidth = asymptoticHalfWidth(centre.standardError, centre.n, alpha);
  const interval = { low: centre.difference - halfWidth, high: centre.difference + halfWidth };
  return {
    ...means,
    difference: Math.min(interval.high, Math.max(interval.low, difference)),
    interval,
    missing: null,
  };
}
