import { hit, initialTilt, lnRateRatio, lnRateRatioInterval, mergeTilt, type Tilt } from '#libs/statistics';
import type { Method } from './method.js';
import { whyNotBoth } from './estimates.js';
import * as codec from './state-codec.js';
import { initialTally, mergeTally, type Tally } from './arm-counts.js';
import { lnFactor, tiltTests } from './tilt-tests.js';

/**
 * How many units do something of their own accord (download, share), judged by the tilt on each unit's first deed: those who don't send
 * nothing, and the tilt needs none of them. The shares that are shown are of the units the router saw.
 */
export interface IncidenceState {
  readonly kind: 'incidence';
  /** Units that did it, and how often. */
  readonly tally: Tally;
  readonly firsts: Tilt;
}

interface EncodedIncidence {
  readonly tally: Tally;
  readonly firsts: codec.EncodedTilt;
}

export const incidenceMethod: Method<IncidenceState> = {
  initial: () => ({ kind: 'incidence', tally: initialTally(), firsts: initialTilt() }),

  observe(state, _metric, { arm, propensity, isFirst }) {
    state.tally.events[arm] += 1;
    if (!isFirst) return;
    state.tally.units[arm] += 1;
    hit(state.firsts, arm, propensity);
  },

  merge: (a, b) => ({
    kind: 'incidence',
    tally: mergeTally(a.tally, b.tally),
    firsts: mergeTilt(a.firsts, b.firsts),
  }),

  judge({ tally, firsts }, metric, { alpha, unitsSeen }) {
    const effect = lnRateRatio(firsts);
    const reason = effect === null ? (whyNotBoth(unitsSeen) ?? 'not-enough-data') : null;
    const base = {
      shown: {
        control: shareOf(tally.units.control, unitsSeen.control),
        candidate: shareOf(tally.units.candidate, unitsSeen.candidate),
        effect,
        interval: lnRateRatioInterval(firsts, alpha),
        noEffect: reason,
        noInterval: reason,
      },
      units: unitsSeen,
      events: tally.events,
      shift: null,
    };
    const { test, definition } = metric;
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (unitsSeen.control === 0 && unitsSeen.candidate === 0 && firsts.hits.size === 0)
      return { ...base, tests: null, missing: 'no-data' };
    return { ...base, tests: tiltTests(firsts, test, definition.direction, lnFactor), missing: null };
  },

  encode: ({ tally, firsts }): EncodedIncidence => ({
    tally: structuredClone(tally),
    firsts: codec.encodeTilt(firsts),
  }),

  decode: ({ tally, firsts }: EncodedIncidence) => ({
    kind: 'incidence',
    tally: structuredClone(tally),
    firsts: codec.decodeTilt(firsts),
  }),
};

/** Deeds and requests come on different topics; those that are ahead for a moment make no more than everybody. */
function shareOf(did: number, seen: number): number | null {
  return seen === 0 ? null : Math.min(1, did / seen);
}
