import type { Arm, DifferenceEstimate } from '#libs/statistics';
import type { AnalysisReason } from '../analysis/reasons.js';
import type { Estimates } from './method.js';
import type { ArmCounts } from './arm-counts.js';

/** Nothing to show, for a reason. */
export function noEstimates(reason: AnalysisReason): Estimates {
  return { control: null, candidate: null, effect: null, interval: null, noEffect: reason, noInterval: reason };
}

/** The estimate of a difference of means, with a reason for each number that is missing. */
export function differenceEstimates(estimate: DifferenceEstimate, counts: ArmCounts): Estimates {
  const { control, candidate, difference, interval, missing } = estimate;
  const noEffect = difference === null ? whyNoEffect(counts, control, candidate) : null;
  return { control, candidate, effect: difference, interval, noEffect, noInterval: noEffect ?? missing };
}

/** Why two variants can't be compared, from how many units each has. */
export function whyNoEffect({ units }: ArmCounts, control: number | null, candidate: number | null): AnalysisReason {
  const byUnits = whyNotBoth(units);
  if (byUnits !== null) return byUnits;
  return control === null || candidate === null ? 'not-randomised' : 'not-enough-data';
}

/** Which variant has no unit at all; null when both have some. */
export function whyNotBoth(units: Readonly<Record<Arm, number>>): AnalysisReason | null {
  if (units.control > 0 && units.candidate > 0) return null;
  return units.control === 0 && units.candidate === 0 ? 'no-data' : 'one-variant';
}
