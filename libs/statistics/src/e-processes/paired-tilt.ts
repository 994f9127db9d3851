import { logMeanExp, logSumExp } from '../distributions/log-space.js';
import { TILTS } from './tilt.js';

const DOWNWARDS: readonly number[] = TILTS.map((tilt) => -tilt);

/**
 * Tilt for pairs: the same prompt and seed through both variants, and on each side an event (an error, a wrong picture, a value beyond a
 * limit) or none. Is the candidate's rate at most r times control's?
 *
 * A pair is worth 1 + δ(x − r·y), x and y being 1 where the event hit the candidate and control. Its mean is at most 1 where the candidate's
 * rate is at most r times control's, whatever the two sides have in common, so the product is an e-process. δ is what the {@link Tilt} at a
 * propensity of one half stakes on its events, so that at r = 1 it is that tilt on the discordant pairs alone: pairs that are hit on both
 * sides, or on none, say nothing of which variant is worse (McNemar, Psychometrika 12, 1947). With other r a pair hit on both sides does.
 *
 * Sources: those of the tilt; a stake on a bounded difference: Waudby-Smith & Ramdas, JRSS-B 86 (2024), section 4. Assumptions: given the
 * past both rates lie on the null's side; one pair per unit. There is no propensity, because nothing was drawn.
 *
 * State: counts, so merging is exact and every margin can be asked for afterwards.
 */
export interface PairedTilt {
  /** Pairs of which the event hit the candidate's side alone. */
  candidateOnly: number;
  controlOnly: number;
  both: number;
}

export function initialPairedTilt(): PairedTilt {
  return { candidateOnly: 0, controlOnly: 0, both: 0 };
}

/** Folds one pair in, in place. */
export function hitPair(state: PairedTilt, isControlHit: boolean, isCandidateHit: boolean): void {
  if (isControlHit && isCandidateHit) state.both += 1;
  else if (isControlHit) state.controlOnly += 1;
  else if (isCandidateHit) state.candidateOnly += 1;
}

/** The evidence of two disjoint sets of pairs. */
export function mergePairedTilts(a: PairedTilt, b: PairedTilt): PairedTilt {
  return {
    candidateOnly: a.candidateOnly + b.candidateOnly,
    controlOnly: a.controlOnly + b.controlOnly,
    both: a.both + b.both,
  };
}

/**
 * ln E against "the candidate's rate is at most e^boundary times control's". 0 without events.
 * @param tilts the grid that is mixed, all > 0.
 * @param weights of the tilts; default: equal.
 */
export function lnEPairedMoreOften(
  state: PairedTilt,
  boundary: number,
  tilts: readonly number[] = TILTS,
  weights?: readonly number[],
): number {
  return lnMixture(state, boundary, tilts, weights);
}

/** ln E against "the candidate's rate is at least e^boundary times control's". 0 without events. @param weights of the tilts; default: equal. */
export function lnEPairedLessOften(state: PairedTilt, boundary: number, weights?: readonly number[]): number {
  return lnMixture(state, boundary, DOWNWARDS, weights);
}

/**
 * ln E against "the candidate's rate is e^boundary times control's, or further from it": below 0 at most, above 0 at least. Staked as grows
 * fastest where both rates are equal, which is the tilt by the whole boundary: the likelihood ratio of "equal" on discordant pairs. 0 at a
 * boundary of 0.
 */
export function lnEPairedEqual(state: PairedTilt, boundary: number): number {
  return lnStaked(state, boundary, -boundary);
}

function lnMixture(state: PairedTilt, boundary: number, tilts: readonly number[], weights?: readonly number[]): number {
  if (state.candidateOnly + state.controlOnly + state.both === 0) return 0;
  const lnEs = tilts.map((tilt) => lnStaked(state, boundary, tilt));
  return weights ? logSumExp(lnEs.map((lnE, k) => lnE + Math.log(weights[k] as number))) : logMeanExp(lnEs);
}

/** Σ ln(1 + δ(x − r y)); the stake never reaches the 1 that it could lose. */
function lnStaked({ candidateOnly, controlOnly, both }: PairedTilt, boundary: number, tilt: number): number {
  const ratio = Math.exp(boundary);
  const stake = Math.expm1(tilt) / (1 + ratio * Math.exp(tilt));
  return (
    candidateOnly * Math.log1p(stake) +
    controlOnly * Math.log1p(-ratio * stake) +
    both * Math.log1p(stake * (1 - ratio))
  );
}
