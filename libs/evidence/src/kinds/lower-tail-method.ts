import {
  type Arm,
  ByPropensity,
  farTailLimit,
  hit,
  hitInWindow,
  initialRestartedTilt,
  initialTilt,
  isKnownLess,
  type KnownShares,
  lnEFirstOrLater,
  lnERestarted,
  lnETailMoreOften,
  lnKnownRatio,
  lnRateRatio,
  lnRateRatioInterval,
  mergeRestartedTilts,
  mergeTilt,
  quantile,
  type RestartedTilt,
  type Tilt,
} from '#libs/statistics';
import type { Margin } from '#libs/contracts';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { TailMetric } from '../catalogue/definition.js';
import type { Estimates, Method, Observation } from './method.js';
import {
  observeControl,
  initialControlTailLimit,
  mergeControlTailLimits,
  type ControlTailLimit,
} from './control-tail-limit.js';
import { whyNotBoth } from './estimates.js';
import { emptyTailTests, isTailEmpty } from './nothing-happened.js';
import * as codec from './state-codec.js';
import {
  asFactor,
  asFactors,
  copyRecent,
  type EventShares,
  initialRecentRequests,
  laterHarm,
  mergeRecent,
  noteRecent,
  type RecentRequests,
  withoutContradicted,
} from './all-requests.js';
import { addByArm, type ArmCounts, countOne, initialArmCounts, mergeArmCounts } from './arm-counts.js';
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
 * Lower tails (wrong pictures), judged by the tilt on "below control's past 2nd percentile": a candidate that gets one picture
 * in twenty wrong moves the mean by 2 % but this rate by a factor of 3. Margins are
 * relative increases of the rate; an absolute one is a share on top of the tail's nominal one.
 *
 * Harm is looked for at the far end of the tail as well, where a really wrong picture lies and control's hardly
 * ever do; what is shown, and what is proven, is about the whole tail.
 */
export interface LowerTailState {
  readonly kind: 'lower-tail';
  readonly counts: ArmCounts;
  readonly limit: ControlTailLimit;
  readonly below: Tilt;
  /** The same for the test of harm, without episodes' repetitions; so are the next three. */
  readonly harmBelow: Tilt;
  /** Where the far end of the tail begins; read together with the limit. */
  farLimit: number | null;
  readonly farBelow: Tilt;
  /** Units' first values below the limit, whenever they come. */
  readonly laterEvents: RestartedTilt;
  readonly recent: RecentRequests;
  readonly episodes: Episodes;
  /** Units that met a limit with their first value. */
  readonly compared: Record<Arm, number>;
  /** All values below the limit, and all that met one: what is shown. */
  readonly allBelow: Tilt;
  readonly allCompared: Record<Arm, number>;
}

interface EncodedLowerTail {
  readonly counts: ArmCounts;
  readonly limit: codec.EncodedTailLimit;
  readonly below: codec.EncodedTilt;
  readonly harmBelow: codec.EncodedTilt;
  readonly farLimit: number | null;
  readonly farBelow: codec.EncodedTilt;
  readonly laterEvents: codec.EncodedRestartedTilt;
  readonly recent: RecentRequests;
  readonly episodes: EncodedEpisodes;
  readonly allBelow: codec.EncodedTilt;
  readonly allCompared: Record<Arm, number>;
  readonly compared: Record<Arm, number>;
}

export const lowerTailMethod: Method<LowerTailState> = {
  initial: () => ({
    kind: 'lower-tail',
    counts: initialArmCounts(),
    limit: initialControlTailLimit(),
    below: initialTilt(),
    harmBelow: initialTilt(),
    farLimit: null,
    farBelow: initialTilt(),
    laterEvents: initialRestartedTilt(),
    recent: initialRecentRequests(),
    episodes: initialEpisodes(),
    allBelow: initialTilt(),
    allCompared: { control: 0, candidate: 0 },
    compared: { control: 0, candidate: 0 },
  }),

  observe(state, metric, seen) {
    const { arm, propensity, value, isFirst } = seen;
    countOne(state.counts.events, arm);
    const isBadEvent = observeHarm(state, metric, seen);
    if (value === -Infinity) return isBadEvent;
    const { limit } = state.limit;
    if (limit !== null) {
      countOne(state.allCompared, arm);
      noteRecent(state.recent, seen.window, arm, value < limit);
      if (value < limit) hit(state.allBelow, arm, propensity);
    }
    if (!isFirst) return isBadEvent;
    countOne(state.counts.units, arm);
    if (limit !== null) {
      countOne(state.compared, arm);
      if (value < limit) hit(state.below, arm, propensity);
    }
    if (arm === 'candidate') return isBadEvent;
    const level = levelOf(metric);
    const past = observeControl(state.limit, value, level);
    if (past) state.farLimit = farTailLimit({ n: past.n, quantile: (p) => quantile(past, p) }, level);
    return isBadEvent;
  },

  merge: (a, b) => ({
    kind: 'lower-tail',
    counts: mergeArmCounts(a.counts, b.counts),
    limit: mergeControlTailLimits(a.limit, b.limit),
    below: mergeTilt(a.below, b.below),
    harmBelow: mergeTilt(a.harmBelow, b.harmBelow),
    // Of its own a merged past has none; it is for judging only.
    farLimit: null,
    farBelow: mergeTilt(a.farBelow, b.farBelow),
    laterEvents: mergeRestartedTilts(a.laterEvents, b.laterEvents),
    recent: mergeRecent(a.recent, b.recent),
    episodes: mergeEpisodes(a.episodes, b.episodes),
    compared: addByArm(a.compared, b.compared),
    allBelow: mergeTilt(a.allBelow, b.allBelow),
    allCompared: addByArm(a.allCompared, b.allCompared),
  }),

  judge(state, metric, { alpha, unitsSeen }) {
    const base = {
      estimates: estimatesOf(state, alpha),
      units: state.counts.units,
      events: state.counts.events,
      leftOut: state.episodes.leftOut,
      shift: null,
    };
    const { test, definition } = metric;
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (state.counts.units.control === 0 && state.counts.units.candidate === 0)
      return { ...base, tests: null, missing: 'no-data' };
    if (state.limit.limit === null) return { ...base, tests: null, missing: 'baseline' };
    const level = levelOf(metric);
    const hits = totals(state.allBelow);
    if (hits.control + hits.candidate === 0 && isTailEmpty(state.compared.control, level)) {
      return { ...base, tests: emptyTailTests(test, level, state.compared), missing: null, special: 'none-beyond' };
    }
    const lnRatio = (margin: Margin): number => lnFactor(margin, level);
    const all = sharesOf(state);
    const asRatios = asFactors(test, lnRatio);
    const tests = withoutContradicted(tiltTests(state.below, test, definition.direction, lnRatio), all, asRatios);
    const boundary = lnRatio(test.harmBeyond) + lnKnownMore(state.counts.units, unitsSeen(definition.name));
    const later = laterHarm(lnERestarted(state.laterEvents, boundary), all, state.recent, {
      direction: 'lower',
      margin: asFactor(boundary),
    });
    const harmful = lnEFirstOrLater(lnETailMoreOften(state.harmBelow, state.farBelow, boundary), later);
    return { ...base, tests: { ...tests, harmful }, missing: null };
  },

  sharesOf({ below, compared }) {
    const hits = totals(below);
    return {
      control: { hits: hits.control, units: compared.control },
      candidate: { hits: hits.candidate, units: compared.candidate },
      lnRatio: (alpha) => lnRateRatioInterval(below, alpha),
    };
  },

  tuning: (metric) => ({ level: levelOf(metric), episodes: metric.episodes }),

  encode: ({ counts, limit, below, farLimit, compared, ...all }): EncodedLowerTail => ({
    recent: copyRecent(all.recent),
    counts: structuredClone(counts),
    limit: codec.encodeTailLimit(limit),
    below: codec.encodeTilt(below),
    harmBelow: codec.encodeTilt(all.harmBelow),
    farLimit,
    farBelow: codec.encodeTilt(all.farBelow),
    laterEvents: codec.encodeRestartedTilt(all.laterEvents),
    episodes: encodeEpisodes(all.episodes),
    compared: { ...compared },
    allBelow: codec.encodeTilt(all.allBelow),
    allCompared: { ...all.allCompared },
  }),

  decode: ({ counts, limit, below, farLimit, compared, ...all }: EncodedLowerTail) => ({
    kind: 'lower-tail',
    recent: copyRecent(all.recent),
    counts: structuredClone(counts),
    limit: codec.decodeTailLimit(limit),
    below: codec.decodeTilt(below),
    harmBelow: codec.decodeTilt(all.harmBelow),
    farLimit,
    farBelow: codec.decodeTilt(all.farBelow),
    laterEvents: codec.decodeRestartedTilt(all.laterEvents),
    episodes: decodeEpisodes(all.episodes),
    compared: { ...compared },
    allBelow: codec.decodeTilt(all.allBelow),
    allCompared: { ...all.allCompared },
  }),
};

/**
 * ln of how many times as often a value is known of the candidate's units as of control's, with two standard errors; 0 where it is not clearly more
 * often. The tilt counts per assigned unit: of a control that fails in every third request a candidate that never does has half as many values again,
 * and as many more of them in the tail, however alike the pictures are. That is no harm.
 */
function lnKnownMore(known: Readonly<Record<Arm, number>>, seen: Readonly<Record<Arm, number>>): number {
  const of = (arm: Arm): { known: number; unknown: number } => ({
    known: known[arm],
    unknown: Math.max(0, seen[arm] - known[arm]),
  });
  const shares: KnownShares = {
    cells: new ByPropensity([[EITHER, { control: of('control'), candidate: of('candidate') }]]),
  };
  return isKnownLess(shares, EITHER, 'control') ? Math.max(0, lnKnownRatio(shares, EITHER).high) : 0;
}

/** All allocations together: what is known of a unit does not depend on them. */
const EITHER = 0.5;

/** What is left out for an episode is no unit's bad event either. @returns whether the unit has had it now. */
function observeHarm(state: LowerTailState, { episodes: rule }: MetricDesign, seen: Observation): boolean {
  const { arm, propensity, value, isFirst, isAtRisk, window } = seen;
  const { limit } = state.limit;
  if (isLeftOut(state.episodes, rule, seen)) return false;
  const isBelow = limit !== null && value < limit;
  const isBadEvent = isAtRisk && isBelow && hitInWindow(state.laterEvents, window, arm, propensity);
  const isJudged = isFirst && value !== -Infinity;
  if (isJudged && isBelow) hit(state.harmBelow, arm, propensity);
  if (isJudged && state.farLimit !== null && value < state.farLimit) hit(state.farBelow, arm, propensity);
  if (isBelow && (isJudged || isBadEvent)) noteBadEvent(state.episodes, rule, seen);
  return isBadEvent;
}

/** Shown are all values; the interval is that of the units' first ones, while what is shown lies in it. */
function estimatesOf({ below, allBelow, allCompared }: LowerTailState, alpha: number): Estimates {
  const hits = totals(allBelow);
  const effect = lnRateRatio(allBelow);
  const reason = effect === null ? (whyNotBoth(allCompared) ?? 'not-enough-data') : null;
  const ofFirst = effect === null ? null : lnRateRatioInterval(below, alpha);
  const isOutside = ofFirst !== null && effect !== null && (effect < ofFirst.low || effect > ofFirst.high);
  return {
    control: allCompared.control === 0 ? null : hits.control / allCompared.control,
    candidate: allCompared.candidate === 0 ? null : hits.candidate / allCompared.candidate,
    effect,
    interval: isOutside ? null : ofFirst,
    noEffect: reason,
    noInterval: isOutside ? 'later-requests-differ' : (reason ?? (ofFirst === null ? 'not-enough-data' : null)),
  };
}

/** All values that met a limit. The candidate's share follows from the ratio, which weighs them by the shares that they came under. */
function sharesOf({ allBelow, allCompared }: LowerTailState): EventShares {
  const { control, candidate } = allCompared;
  const share = control === 0 ? 0 : totals(allBelow).control / control;
  const effect = lnRateRatio(allBelow);
  const ofCandidate =
    effect === null ? (candidate === 0 ? 0 : totals(allBelow).candidate / candidate) : share * Math.exp(effect);
  return { control: { n: control, share }, candidate: { n: candidate, share: Math.min(1, ofCandidate) } };
}

function levelOf({ definition }: MetricDesign): number {
  return (definition as TailMetric).level;
}

function totals(tilt: Tilt): Record<Arm, number> {
  const sum = { control: 0, candidate: 0 };
  for (const cell of tilt.hits.values()) {
    sum.control += cell.control;
    sum.candidate += cell.candidate;
  }
  return sum;
}
