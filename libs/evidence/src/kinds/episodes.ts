import { type Arm, isRandomised } from '#libs/statistics';
import { addByArm, countOne } from './arm-counts.js';

/**
 * What of a metric's events is left out of the test of harm, see {@link Episodes}: nothing; so much after every bad event that a fifth
 * of the data is left out; or everything for a fixed time.
 */
export type EpisodeRule = 'off' | 'fifth' | { readonly lengthMs: number };

/**
 * One stall of one pod makes many requests slow or fail, and a small variant has one pod: what is one event of the infrastructure looks
 * like many of the variant. So a bad event of the minority (the candidate up to a share of 50 %, control above) begins an episode, and
 * until it ends the events of **both** arms are left out of the test of harm.
 *
 * Whether an event is left out follows from the events before it and, under a fixed length, from its own time, which tells nothing of its
 * arm where the arms are equal. Leaving out by the past alone keeps an e-process one (optional skipping: a bet of nothing on
 * those events). Proofs of non-inferiority leave nothing out: clustered bad events of the candidate only delay them.
 *
 * `fifth`: the length is a quarter of what usually passes between the end of an episode and the next bad event, so that a fifth of everything
 * is left out. What passes is counted in expected events of the minority (its share of every event), not in time: an experiment
 * that climbs, a quiet night and a clock that is wrong leave the length right. "Usually" is the exponentially weighted mean of the recent gaps with
 * one gap of nothing before them, and long gaps count as 40: where bad events have become the rule, as with real harm, hardly any is left
 * out soon.
 *
 * Of durations an episode lasts for a time as well, where control's own slow requests come in clusters: see `queueMs` of the metric's design.
 *
 * State of one partition; a merged one is for judging only.
 */
export interface Episodes {
  /** Expected events of the minority that were judged since the last episode. */
  gap: number;
  /** Sum of the gaps before, and their number, each weighted the less the longer ago it was. */
  gaps: number;
  weight: number;
  /** Expected events of the minority until the present episode ends (`fifth`). */
  left: number;
  /** Time of the bad event that began the last episode, ms since 1970. */
  beganAtMs: number | null;
  /** Events that were left out of the test of harm. */
  readonly leftOut: Record<Arm, number>;
}

/** What of an event says whether it is left out. */
export interface EpisodeEvent {
  readonly arm: Arm;
  /** Probability of the candidate, given that one of the two was drawn. */
  readonly propensity: number;
  /** When the carrier took the event into the log, ms since 1970. */
  readonly atMs: number;
}

export type EncodedEpisodes = readonly [
  gap: number,
  gaps: number,
  weight: number,
  left: number,
  beganAtMs: number | null,
  leftOut: Readonly<Record<Arm, number>>,
];

/** A quarter of what is judged is a fifth of everything. */
const LEFT_OUT_PER_JUDGED = 0.25;
/** Weight of a gap beside the next one. */
const MEMORY = 0.85;
/** Longer gaps count as this, in expected events of the minority: no episode is longer than a quarter of it, however rare bad events have been. */
const LONGEST_GAP = 40;

export function initialEpisodes(): Episodes {
  return { gap: 0, gaps: 0, weight: 0, left: 0, beganAtMs: null, leftOut: { control: 0, candidate: 0 } };
}

/**
 * Whether harm is not judged by this event; called for each event of the metric, once, before {@link noteBadEvent}.
 * @param queueMs how long an episode lasts at least where both variants have half of the traffic (`fifth`). Default 0.
 */
export function isLeftOut(episodes: Episodes, rule: EpisodeRule, seen: EpisodeEvent, queueMs = 0): boolean {
  const { arm, propensity } = seen;
  if (rule === 'off' || !isRandomised(propensity)) return false;
  const isWithin =
    rule === 'fifth'
      ? isQueued(episodes, queueMs, seen) || passes(episodes, propensity)
      : isWithinTime(episodes, rule.lengthMs, seen.atMs);
  if (isWithin) countOne(episodes.leftOut, arm);
  return isWithin;
}

/** A bad event that harm was judged by: the minority's begins an episode. */
export function noteBadEvent(episodes: Episodes, rule: EpisodeRule, { arm, propensity, atMs }: EpisodeEvent): void {
  if (rule === 'off' || !isRandomised(propensity)) return;
  if ((arm === 'candidate') !== propensity <= 0.5) return;
  episodes.beganAtMs = atMs;
  if (rule !== 'fifth') return;
  episodes.gaps = MEMORY * episodes.gaps + Math.min(LONGEST_GAP, episodes.gap);
  episodes.weight = MEMORY * episodes.weight + 1;
  episodes.gap = 0;
  episodes.left = (LEFT_OUT_PER_JUDGED * episodes.gaps) / (1 + episodes.weight);
}

/** @returns whether the event is within the episode. */
function passes(episodes: Episodes, propensity: number): boolean {
  const minority = Math.min(propensity, 1 - propensity);
  if (episodes.left < minority) {
    episodes.left = 0;
    episodes.gap += minority;
    return false;
  }
  episodes.left -= minority;
  return true;
}

/**
 * A queue lasts the longer the more of the traffic goes through it, and what it makes slow grows with the traffic once more. So an episode lasts longer at large shares, where
 * a second has many events, and hardly at small ones, where the fifth is enough.
 */
function isQueued(episodes: Episodes, queueMs: number, { propensity, atMs }: EpisodeEvent): boolean {
  const minority = Math.min(propensity, 1 - propensity);
  if (!isWithinTime(episodes, 2 * minority * queueMs, atMs)) return false;
  episodes.left = Math.max(0, episodes.left - minority);
  return true;
}

/** Either side of the beginning: events of several sources come out of order, and one whose clock is ahead leaves nothing else out. */
function isWithinTime({ beganAtMs }: Episodes, lengthMs: number, atMs: number): boolean {
  return beganAtMs !== null && Math.abs(atMs - beganAtMs) < lengthMs;
}

/** For judging only: a merged state has no present episode. */
export function mergeEpisodes(a: Episodes, b: Episodes): Episodes {
  return { ...initialEpisodes(), leftOut: addByArm(a.leftOut, b.leftOut) };
}

export function encodeEpisodes({ gap, gaps, weight, left, beganAtMs, leftOut }: Episodes): EncodedEpisodes {
  return [gap, gaps, weight, left, beganAtMs, { ...leftOut }];
}

export function decodeEpisodes([gap, gaps, weight, left, beganAtMs, leftOut]: EncodedEpisodes): Episodes {
  return { gap, gaps, weight, left, beganAtMs, leftOut: { ...leftOut } };
}
