import { type Arm, hit, initialTilt, lnRateRatio, lnRateRatioInterval, mergeTilt, type Tilt } from '#libs/statistics';
import type { Frequency } from '../analysis/objectives/difference-of-shares.js';
import type { Method } from './method.js';
import { zeroIn } from './nothing-happened.js';
import { whyNotBoth } from './estimates.js';
import * as codec from './state-codec.js';
import { type ArmCounts, countOne, initialArmCounts, mergeArmCounts } from './arm-counts.js';
import {
  decodeEpisodes,
  encodeEpisodes,
  type EncodedEpisodes,
  type Episodes,
  initialEpisodes,
  isLeftOut,
  mergeEpisodes,
  noteBadEvent,
} from './episodes.js';
import { lnFactor, tiltTests } from './tilt-tests.js';

/**
 * How many units do something of their own accord (download, share), judged by the tilt on each unit's first deed: those who don't send
 * nothing, and the tilt needs none of them. The shares that are shown are of the units the router saw.
 */
export interface IncidenceState {
  readonly kind: 'incidence';
  /** Units that did it, and how often. */
  readonly counts: ArmCounts;
  readonly firsts: Tilt;
  /** The same for the test of harm, without episodes' repetitions. */
  readonly harmFirsts: Tilt;
  readonly episodes: Episodes;
}

interface EncodedIncidence {
  readonly counts: ArmCounts;
  readonly firsts: codec.EncodedTilt;
  readonly harmFirsts: codec.EncodedTilt;
  readonly episodes: EncodedEpisodes;
}

export const incidenceMethod: Method<IncidenceState> = {
  initial: () => ({
    kind: 'incidence',
    counts: initialArmCounts(),
    firsts: initialTilt(),
    harmFirsts: initialTilt(),
    episodes: initialEpisodes(),
  }),

  observe(state, { episodes: rule }, seen) {
    const { arm, propensity, isFirst } = seen;
    countOne(state.counts.events, arm);
    const isHarmJudged = !isLeftOut(state.episodes, rule, seen);
    if (!isFirst) return;
    countOne(state.counts.units, arm);
    hit(state.firsts, arm, propensity);
    if (!isHarmJudged) return;
    hit(state.harmFirsts, arm, propensity);
    noteBadEvent(state.episodes, rule, seen);
  },

  merge: (a, b) => ({
    kind: 'incidence',
    counts: mergeArmCounts(a.counts, b.counts),
    firsts: mergeTilt(a.firsts, b.firsts),
    harmFirsts: mergeTilt(a.harmFirsts, b.harmFirsts),
    episodes: mergeEpisodes(a.episodes, b.episodes),
  }),

  judge({ counts, firsts, harmFirsts, episodes }, metric, context) {
    const { alpha } = context;
    const unitsSeen = context.unitsSeen(metric.definition.name);
    const effect = lnRateRatio(firsts);
    const reason = effect === null ? (whyNotBoth(unitsSeen) ?? 'not-enough-data') : null;
    const base = {
      estimates: {
        control: shareOf(counts.units.control, unitsSeen.control),
        candidate: shareOf(counts.units.candidate, unitsSeen.candidate),
        effect,
        interval: lnRateRatioInterval(firsts, alpha),
        noEffect: reason,
        noInterval: reason,
      },
      units: unitsSeen,
      events: counts.events,
      leftOut: episodes.leftOut,
      shift: null,
    };
    const { test, definition } = metric;
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (unitsSeen.control === 0 && unitsSeen.candidate === 0 && firsts.hits.size === 0)
      return { ...base, tests: null, missing: 'no-data' };
    const special = zeroIn(
      { units: unitsSeen.control, isZero: counts.units.control === 0 },
      { units: unitsSeen.candidate, isZero: counts.units.candidate === 0 },
    );
    const { harmful } = tiltTests(harmFirsts, test, definition.direction, lnFactor);
    const tests = { ...tiltTests(firsts, test, definition.direction, lnFactor), harmful };
    return { ...base, tests, missing: null, special };
  },

  sharesOf({ counts, firsts }, metric, context) {
    const seen = context.unitsSeen(metric.definition.name);
    const of = (arm: Arm): Frequency => ({ hits: counts.units[arm], units: Math.max(counts.units[arm], seen[arm]) });
    const lnRatio = (alpha: number) => lnRateRatioInterval(firsts, alpha);
    return { control: of('control'), candidate: of('candidate'), lnRatio };
  },

  tuning: ({ episodes }) => ({ episodes }),

  encode: ({ counts, firsts, harmFirsts, episodes }): EncodedIncidence => ({
    counts: structuredClone(counts),
    firsts: codec.encodeTilt(firsts),
    harmFirsts: codec.encodeTilt(harmFirsts),
    episodes: encodeEpisodes(episodes),
  }),

  decode: ({ counts, firsts, harmFirsts, episodes }: EncodedIncidence) => ({
    kind: 'incidence',
    counts: structuredClone(counts),
    firsts: codec.decodeTilt(firsts),
    harmFirsts: codec.decodeTilt(harmFirsts),
    episodes: decodeEpisodes(episodes),
  }),
};

/** Deeds and requests come on different topics; those that are ahead for a moment make no more than everybody. */
function shareOf(did: number, seen: number): number | null {
  return seen === 0 ? null : Math.min(1, did / seen);
}
