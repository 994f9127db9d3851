import { isRandomised, lnESampleRatio } from '#libs/statistics';

/** Concentration of the prior around "same rate": a compromise between large and small rate ratios. */
const CONCENTRATION = 100;

/**
 * ln E against "events come at the same rate in both variants", from the counts of events alone, under a randomisation share
 * that stays fixed. Whatever the rate is and however it drifts, each event then is the candidate's with that probability.
 *
 * Dirichlet-multinomial mixture with two cells, Lindon & Malek, NeurIPS 2022 (arXiv 2011.03567), section 4. Assumptions: one
 * event per unit at most, outcomes recorded alike. While the share changes, use the tilt, which takes a propensity per event.
 *
 * @param share probability of the candidate, strictly between 0 and 1.
 * @returns 0 without events.
 */
export function lnEEventCounts(
  control: number,
  candidate: number,
  share: number,
  concentration = CONCENTRATION,
): number {
  if (!isRandomised(share)) throw new RangeError(`share ${share}: expected a number between 0 and 1, both excluded`);
  if (!(control >= 0) || !(candidate >= 0)) {
    throw new RangeError(`${control} and ${candidate} events: expected counts of at least 0`);
  }
  return lnESampleRatio([control, candidate], [1 - share, share], concentration);
}
