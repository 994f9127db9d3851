import {
  addToSketch,
  type Arm,
  ByPropensity,
  discountedRestarts,
  discountedTilt,
  hit,
  hitInWindow,
  initialKnownShares,
  initialRestartedTilt,
  initialTailFall,
  initialTilt,
  isHardlyBeyond,
  isKnownLess,
  type KnownShares,
  lnEFirstOrLater,
  lnELessOften,
  lnEMoreOften,
  lnERestarted,
  lnKnownRatio,
  mergeRestartedTilts,
  mergeTilt,
  noteNewest,
  noteTailFall,
  observeKnown,
  propensityAt,
  proofWeights,
  type QuantileSketch,
  type RestartedTilt,
  sumTailFalls,
  type TailEnds,
  type TailFall,
  tailSteepness,
  type Tilt,
  TILTS,
} from '#libs/statistics';
import { type Margin, marginSize, MILLION } from '#libs/contracts';
import type { MetricDesign, MetricTest } from '../catalogue/evidence-design.js';
import type { TailMetric } from '../catalogue/definition.js';
import type { AnalysisReason } from '../analysis/reasons.js';
import type { Estimates, Method, Observation } from './method.js';
import { quantileIntervalOf, quantileOf } from './ordered-values.js';
import {
  endsIn,
  observeControl,
  initialControlTailLimit,
  mergeControlTailLimits,
  SMALLEST_PAST,
  type ControlTailLimit,
} from './control-tail-limit.js';
import { whyNotBoth } from './estimates.js';
import { bothZeroTests, emptyTailTests, isTailEmpty, zeroIn, type ZeroCount } from './nothing-happened.js';
import * as codec from './state-codec.js';
import {
  copyRecent,
  type EventShares,
  initialRecentRequests,
  isWorseByAll,
  laterHarm,
  mergeRecent,
  noteRecent,
  type RecentRequests,
  sharesOfRequests,
} from './all-requests.js';
import { type ArmCounts, countOne, initialArmCounts, mergeArmCounts, ofArm } from './arm-counts.js';
import { type Clusters, initialClusters, noteForQueues, queueMs } from './clusters.js';
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
import { mostExposedCell, mergeValues, valuesAt, type ValuesByPropensity } from './values-by-propensity.js';

/**
 * Quantiles (latency), judged by the tilt on "exceeds control's past quantile". The margin is taken out of the
 * candidate's value beforehand (÷ (1 + margin), or − margin, whichever is more where the margin has a floor), so that every boundary is
 * "equally often". +∞ exceeds every limit, which is read from control's values that came.
 *
 * What is compared is how often values are beyond the limit among those of which that is known. It is not known of a client that left before
 * the limit, nor of a request without a picture. See {@link KnownShares} and {@link observeUnknown}.
 */
export interface UpperTailState {
  readonly kind: 'upper-tail';
  readonly counts: ArmCounts;
  readonly limit: ControlTailLimit;
  /** Read with the limit. */
  ends: TailEnds | null;
  readonly falls: TailFalls;
  /** The candidate's newest values of which it is known what they are, of units' first ones. */
  readonly newest: number[];
  /** Exceedances at the boundary of harm, at every step of the budget, and at no margin; those at the boundary of harm without episodes' repetitions. */
  readonly exceedances: readonly Tilt[];
  /** Units' first exceedances at the boundary of harm, whenever they come; of values where lower is better. */
  readonly laterEvents: RestartedTilt;
  /** All values of which it is known, and those beyond the limit at the boundary of harm; the same of the newest window. */
  readonly all: RecentRequests;
  readonly recent: RecentRequests;
  readonly episodes: Episodes;
  /** How control's values beyond the limit follow each other; of durations. */
  readonly clusters: Clusters;
  /** Of how many first values it is known on which side of the limit they are. */
  readonly firstKnown: KnownShares;
  /** Of how many values, units' later ones included. */
  readonly allKnown: KnownShares;
  /**
   * First values by propensity and arm, for the eye: under one allocation both see the same traffic. Kept by one of the metrics that
   * read the same values, empty in the others.
   */
  values: ValuesByPropensity;
}

interface EncodedUpperTail {
  readonly counts: ArmCounts;
  readonly limit: codec.EncodedTailLimit;
  readonly ends?: Omit<TailEnds, 'over' | 'surely'> & Partial<TailEnds>;
  /** Absent in evidence of before they were counted, which goes on. */
  readonly falls?: TailFalls;
  /** Absent as long as there are none, and in evidence of before they were kept. */
  readonly newest?: readonly number[];
  readonly exceedances: readonly codec.EncodedTilt[];
  readonly laterEvents: codec.EncodedRestartedTilt;
  readonly all: RecentRequests;
  readonly recent: RecentRequests;
  readonly episodes: EncodedEpisodes;
  readonly clusters: Clusters;
  readonly firstKnown: codec.EncodedKnownShares;
  readonly allKnown: codec.EncodedKnownShares;
  readonly values: codec.EncodedValues;
}

export const upperTailMethod: Method<UpperTailState> = {
  initial: ({ test }) => ({
    kind: 'upper-tail',
    counts: initialArmCounts(),
    limit: initialControlTailLimit(),
    ends: null,
    falls: initialFalls(boundaries(test).length),
    newest: [],
    exceedances: boundaries(test).map(initialTilt),
    laterEvents: initialRestartedTilt(),
    all: initialRecentRequests(),
    recent: initialRecentRequests(),
    episodes: initialEpisodes(),
    clusters: initialClusters(),
    firstKnown: initialKnownShares(),
    allKnown: initialKnownShares(),
    values: new ByPropensity(),
  }),

  observe(state, metric, seen) {
    const { test } = metric;
    if (test === null) return observeUntested(state, metric, seen);
    const { arm, propensity, value, known, isFirst } = seen;
    const { limit } = state.limit;
    if (known === 'unknown' || (known === 'more-than' && !(limit !== null && value > limit))) {
      return observeUnknown(state, metric, test, seen);
    }
    countOne(state.counts.events, arm);
    const isBeyond = noteAll(state, metric, test, seen);
    const isHarmJudged = !isLeftOut(
      state.episodes,
      metric.episodes,
      seen,
      queueMs(state.clusters, metric.queues, limit),
    );
    if (arm === 'control') noteForQueues(state.clusters, metric.queues, limit, seen);
    const isBadEvent = isBeyond && isHarmJudged && seen.isAtRisk && noteLater(state, seen);
    if (isBadEvent) noteBadEvent(state.episodes, metric.episodes, seen);
    observeKnown(state.allKnown, arm, propensity, true);
    if (arm === 'candidate' && isFirst && known === 'value') noteNewest(state.newest, value);
    if (!isFirst || value === -Infinity) return isBadEvent;
    noteFirstValue(state, metric, seen);
    // Of control's values, most of all, those within the limit are beyond it at no boundary.
    if (
      limit !== null &&
      !(arm === 'control' && value <= Math.min(limit, state.ends?.low ?? limit)) &&
      !isNoLimit(limit, test)
    ) {
      countBeyond(state, metric, test, seen, isHarmJudged);
    }
    observeKnown(state.firstKnown, arm, propensity, true);
    // One of control's that never came is beyond the limit; as a limit it would leave nothing beyond it.
    if (arm === 'control' && known === 'value' && value !== Infinity) {
      const past = observeControl(state.limit, value, levelOf(metric));
      if (past !== null) state.ends = endsIn(past, levelOf(metric));
    }
    return isBadEvent;
  },

  merge: (a, b) => ({
    kind: 'upper-tail',
    counts: mergeArmCounts(a.counts, b.counts),
    limit: mergeControlTailLimits(a.limit, b.limit),
    ends: null,
    falls: mergeFalls(a.falls, b.falls),
    newest: [],
    exceedances: a.exceedances.map((tilt, index) => mergeTilt(tilt, b.exceedances[index] as Tilt)),
    laterEvents: mergeRestartedTilts(a.laterEvents, b.laterEvents),
    all: mergeRecent(a.all, b.all),
    recent: mergeRecent(a.recent, b.recent),
    episodes: mergeEpisodes(a.episodes, b.episodes),
    // For judging only: propensities were set by each partition's own past.
    clusters: initialClusters(),
    firstKnown: initialKnownShares(),
    allKnown: initialKnownShares(),
    values: mergeValues(a.values, b.values),
  }),

  judge(state, metric, { alpha, states }) {
    const { test } = metric;
    const keeper = (states.get(metric.valuesIn ?? '') ?? state) as UpperTailState;
    const estimates = tailEstimates(keeper, levelOf(metric), alpha, whyNotBoth(state.counts.units));
    const { units, events } = state.counts;
    const base = { estimates, units, events, leftOut: state.episodes.leftOut, shift: null };
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (state.counts.units.control === 0 && state.counts.units.candidate === 0)
      return { ...base, tests: null, missing: 'no-data' };
    const { limit } = state.limit;
    if (limit === null) return { ...base, tests: null, missing: whyNoLimit(state) };
    const special = zeroIn(zerosOf(keeper, 'control'), zerosOf(keeper, 'candidate'));
    if (isNoLimit(limit, test)) {
      return special === 'both-zero'
        ? { ...base, tests: bothZeroTests(test, base.units), missing: null, special }
        : { ...base, tests: null, missing: 'zero-control', special: 'zero-control' };
    }
    if (isEmptyTail(state, keeper, metric)) {
      const tests = emptyTailTests(
        { ...test, margin: NO_MARGIN, budget: test.budget.map((step) => ({ ...step, margin: NO_MARGIN })) },
        1 - levelOf(metric),
        base.units,
      );
      return { ...base, tests, missing: null, special: special ?? 'none-beyond' };
    }
    const all = sharesOfRequests(state.all);
    const [harm, ...others] = state.exceedances.map((tilt, index) =>
      discountedTilt(tilt, steepnessAt(state.falls, index)),
    ) as unknown as readonly [Tilt, ...Tilt[]];
    const isBad = metric.definition.direction === 'lower';
    const better = (tilt: Tilt, weights?: readonly number[]): number =>
      isBad ? lnELessOften(tilt, 0, weights) : lnEMoreOften(tilt, 0, TILTS, weights);
    return {
      ...base,
      tests: {
        margin: inUnits(test.margin, estimates.control),
        harmful: isBad ? lnEFirstOrLater(lnEMoreOften(harm, 0), laterOf(state, all)) : lnELessOften(harm, 0),
        nonInferior: unlessWorse(better(others[test.budget.length - 1] as Tilt, proofWeights(1).tilts), test, all),
        superior: better(others[test.budget.length] as Tilt),
        budget: test.budget.map((step, index) => ({
          sharePpm: step.sharePpm,
          margin: inUnits(step.margin, estimates.control),
          lnENonInferior: better(others[index] as Tilt, proofWeights(step.sharePpm / MILLION).tilts),
        })),
      },
      missing: null,
      special,
    };
  },

  tuning: (metric) => ({
    level: levelOf(metric),
    boundaries: boundaries(metric.test),
    episodes: metric.episodes,
    queues: metric.queues ?? null,
  }),

  encode: ({
    counts,
    limit,
    ends,
    falls,
    newest,
    exceedances,
    laterEvents,
    episodes,
    clusters,
    firstKnown,
    allKnown,
    values,
    ...requests
  }): EncodedUpperTail => ({
    all: copyRecent(requests.all),
    recent: copyRecent(requests.recent),
    counts: structuredClone(counts),
    limit: codec.encodeTailLimit(limit),
    ...(ends === null ? {} : { ends: { ...ends } }),
    falls: structuredClone(falls),
    ...(newest.length === 0 ? {} : { newest: [...newest] }),
    exceedances: exceedances.map(codec.encodeTilt),
    laterEvents: codec.encodeRestartedTilt(laterEvents),
    episodes: encodeEpisodes(episodes),
    clusters: { ...clusters },
    firstKnown: codec.encodeKnownShares(firstKnown),
    allKnown: codec.encodeKnownShares(allKnown),
    values: codec.encodeValues(values),
  }),

  decode: ({
    counts,
    limit,
    ends,
    falls,
    newest,
    exceedances,
    laterEvents,
    episodes,
    clusters,
    firstKnown,
    allKnown,
    values,
    ...requests
  }: EncodedUpperTail) => ({
    all: copyRecent(requests.all),
    recent: copyRecent(requests.recent),
    kind: 'upper-tail',
    counts: structuredClone(counts),
    limit: codec.decodeTailLimit(limit),
    ends:
      ends === undefined
        ? null
        : {
            ...ends,
            over: ends.over ?? codec.decodeTailLimit(limit).limit ?? ends.low,
            surely: ends.surely ?? ends.further,
          },
    newest: [...(newest ?? [])],
    falls: falls === undefined ? initialFalls(exceedances.length) : structuredClone(falls),
    exceedances: exceedances.map(codec.decodeTilt),
    laterEvents: codec.decodeRestartedTilt(laterEvents),
    episodes: decodeEpisodes(episodes),
    clusters: { ...clusters },
    firstKnown: codec.decodeKnownShares(firstKnown),
    allKnown: codec.decodeKnownShares(allKnown),
    values: codec.decodeValues(values),
  }),
};

/** What pairs are compared by as well. */
export { boundariesOf, inUnits, isNoLimit, NO_MARGIN, relativeTo, withoutMargin as withoutTailMargin };

/** What is shown of a metric that is only observed: it has no limit, so nothing lies beyond one and what is only known to be more than a value says nothing. */
function observeUntested(state: UpperTailState, metric: MetricDesign, seen: Observation): false {
  if (seen.known !== 'value') return false;
  countOne(state.counts.events, seen.arm);
  if (seen.isFirst && seen.value !== -Infinity) noteFirstValue(state, metric, seen);
  return false;
}

/** Counts a unit, and keeps its value for the eye where the metric is the one that keeps it. */
function noteFirstValue(
  { counts, values }: UpperTailState,
  { valuesIn, definition }: MetricDesign,
  { arm, propensity, value, known }: Observation,
): void {
  countOne(counts.units, arm);
  if (known === 'value' && valuesIn === definition.name) addToSketch(ofArm(valuesAt(values, propensity), arm), value);
}

/**
 * Counts a value among all, whatever its unit. Where higher is better a value beyond the limit is a good one, and nearly all values are
 * bad ones: there is nothing to look for.
 * @returns whether it is beyond the limit, which is control's past as everywhere, at the boundary of harm.
 */
function noteAll(
  state: UpperTailState,
  { definition: { direction } }: MetricDesign,
  test: MetricTest,
  { arm, value, window }: Observation,
): boolean {
  const { limit } = state.limit;
  if (limit === null || direction === 'higher' || isNoLimit(limit, test)) return false;
  const judged = arm === 'control' ? value : withoutMargin(value, test.harmBeyond, direction);
  if (state.ends !== null) noteTailFall(state.falls.all[arm], state.ends, judged);
  const isBeyond =
    judged > overOf(state, limit) &&
    !(arm === 'candidate' && isDoubtful(state, { index: HARM, margin: test.harmBeyond, direction }, judged));
  noteRecent(state.all, 0, arm, isBeyond);
  noteRecent(state.recent, window, arm, isBeyond);
  return isBeyond;
}

/** Harm by units' later values, where all values or the recent ones show it too; the margin was taken out of them. */
function laterOf({ laterEvents, recent, falls }: UpperTailState, all: EventShares): number {
  // Of all values: those of units' first ones may be few, and none come any more when the harm begins.
  const steepness = tailSteepness(falls.all.control, falls.all.candidate);
  return laterHarm(lnERestarted(discountedRestarts(laterEvents, steepness), 0), all, recent, {
    direction: 'lower',
    margin: NO_MARGIN,
  });
}

/** A proof by units' first values is none where all values are beyond the margin more often. */
function unlessWorse(lnE: number, { anyHarm }: MetricTest, all: EventShares): number {
  return !anyHarm && isWorseByAll(all, 'lower', NO_MARGIN) ? Math.min(0, lnE) : lnE;
}

/** Counts a unit's first value at every boundary that it is beyond; called where it may be beyond any. Many parameters because it is called per event. */
function countBeyond(
  state: UpperTailState,
  { definition: { direction } }: MetricDesign,
  test: MetricTest,
  { arm, propensity, value, known }: Observation,
  isHarmJudged: boolean,
): void {
  const { exceedances, firstKnown, ends, falls } = state;
  const { limit } = state.limit;
  if (limit === null) return;
  const margins = boundariesOf(test);
  const over = overOf(state, limit);
  let ratio: ReturnType<typeof lnKnownRatio> | null = null;
  const isFallCounted = ends !== null && known === 'value';
  if (isFallCounted && arm === 'control') noteTailFall(falls.control, ends, value);
  margins.forEach((margin, index) => {
    if (index === HARM && !isHarmJudged) return;
    // By how much more than the limit a client that left would have waited is not known: no harm is made of it, and no proof.
    const isTakenAsItIs = arm === 'control' || (known === 'more-than' && index !== HARM);
    const judged = isTakenAsItIs ? value : withoutMargin(value, margin, direction);
    const isMore = (index === HARM) === (direction === 'lower');
    const isBeyond =
      judged > (isMore ? over : limit) &&
      !(isMore && arm === 'candidate' && isDoubtful(state, { index, margin, direction }, judged));
    if (isFallCounted && arm === 'candidate') noteTailFall(falls.candidate[index] as TailFall, ends, judged);
    if (!isBeyond) return;
    ratio ??= lnKnownRatio(firstKnown, propensity);
    hit(exceedances[index] as Tilt, arm, propensityAt(propensity, ratioAt(ratio, isMore, index, margins.length - 1)));
  });
}

/** The limit where a variant is to be called more often beyond it. */
function overOf({ ends }: UpperTailState, limit: number): number {
  return ends?.over ?? limit;
}

/** What a value is compared at: the margin that is taken out of it, and its place among the {@link boundaries}. */
interface Boundary {
  readonly index: number;
  readonly margin: Margin;
  readonly direction: 'higher' | 'lower';
}

/** Whether a value of the candidate, where it is to be called more often beyond, lies beyond the limit but not clearly. */
function isDoubtful(
  { ends, falls, newest }: UpperTailState,
  { index, margin, direction }: Boundary,
  value: number,
): boolean {
  if (ends === null) return false;
  const fall = { control: falls.control, candidate: falls.candidate[index] as TailFall };
  return isHardlyBeyond({ ends, fall }, value, () => newest.map((other) => withoutMargin(other, margin, direction)));
}

/** How the tails fall around the limit: of units' first values control's, and the candidate's at each boundary; of all values at that of harm. */
interface TailFalls {
  readonly control: TailFall;
  readonly candidate: readonly TailFall[];
  readonly all: Readonly<Record<Arm, TailFall>>;
}

function initialFalls(boundaryCount: number): TailFalls {
  return {
    control: initialTailFall(),
    candidate: Array.from({ length: boundaryCount }, initialTailFall),
    all: { control: initialTailFall(), candidate: initialTailFall() },
  };
}

function mergeFalls(a: TailFalls, b: TailFalls): TailFalls {
  return {
    control: sumTailFalls(a.control, b.control),
    candidate: a.candidate.map((fall, index) => sumTailFalls(fall, b.candidate[index] as TailFall)),
    all: {
      control: sumTailFalls(a.all.control, b.all.control),
      candidate: sumTailFalls(a.all.candidate, b.all.candidate),
    },
  };
}

function steepnessAt({ control, candidate }: TailFalls, boundary: number): number {
  return tailSteepness(control, candidate[boundary] as TailFall);
}

/**
 * What of the bounds of ln(d₁/d₀) a boundary stands at: the upper one where "more often" is tested, the lower one where "less often" is.
 * That one variant is slower than the other (harm, or its mirror image at the last boundary) is said only where also of all assigned units
 * more had a value beyond the limit.
 */
function ratioAt(ratio: ReturnType<typeof lnKnownRatio>, isMore: boolean, index: number, last: number): number {
  const isAccusation = index === HARM || index === last;
  if (isMore) return isAccusation ? Math.max(0, ratio.high) : ratio.high;
  return isAccusation ? Math.min(0, ratio.low) : ratio.low;
}

/**
 * An event that does not tell on which side of the limit its value lies. It is not counted; how many there are moves the propensity of those that are.
 * But all that a variant with fewer pictures did not deliver might have been slow. So while it has fewer, and the other one is to be called
 * slower than it, its requests without a picture count as beyond the limit.
 * @returns whether it was the unit's bad event of the window.
 */
function observeUnknown(
  state: UpperTailState,
  { definition: { direction } }: MetricDesign,
  test: MetricTest,
  { arm, propensity, known, isFirst, isAtRisk, window }: Observation,
): boolean {
  const { limit } = state.limit;
  let isBadEvent = false;
  if (known === 'unknown' && direction === 'lower' && limit !== null && !isNoLimit(limit, test)) {
    if (arm === 'control' && isAtRisk && isKnownLess(state.allKnown, propensity, arm)) {
      isBadEvent = hitInWindow(state.laterEvents, window, arm, propensity);
    }
    if (isFirst && isKnownLess(state.firstKnown, propensity, arm)) {
      const index = arm === 'control' ? HARM : state.exceedances.length - 1;
      hit(state.exceedances[index] as Tilt, arm, propensity);
    }
  }
  observeKnown(state.allKnown, arm, propensity, false);
  if (isFirst) observeKnown(state.firstKnown, arm, propensity, false);
  return isBadEvent;
}

/** Control's values make the limit; of those that never came it can't be read. */
function whyNoLimit({ counts, limit: { recent } }: UpperTailState): AnalysisReason {
  return counts.units.control - recent.n >= SMALLEST_PAST ? 'control-tail-infinite' : 'baseline';
}

/** The unit's first value of the window beyond the limit. @returns whether the unit has had it now. */
function noteLater(state: UpperTailState, { arm, propensity, window }: Observation): boolean {
  const lnRatio = Math.max(0, lnKnownRatio(state.allKnown, propensity).high);
  return hitInWindow(state.laterEvents, window, arm, propensityAt(propensity, lnRatio));
}

/**
 * The quantile of both variants under the allocation that has shown the candidate to most units, and their relative
 * difference with the interval that follows from both variants' quantile sequences at α/2.
 */
function tailEstimates(
  { values }: UpperTailState,
  level: number,
  alpha: number,
  whyNot: AnalysisReason | null,
): Estimates {
  const cell = mostExposedCell(values);
  const control = cell && finiteOrNull(quantileOf(cell.control, level));
  const candidate = cell && finiteOrNull(quantileOf(cell.candidate, level));
  if (cell === null || control === null || candidate === null || control === 0) {
    const reason = whyNot ?? whyNoRatio(cell, control);
    return { control, candidate, effect: null, interval: null, noEffect: reason, noInterval: reason };
  }
  const ofControl = quantileIntervalOf(cell.control, level, alpha / 2);
  const ofCandidate = quantileIntervalOf(cell.candidate, level, alpha / 2);
  const low = ofCandidate.low / ofControl.high - 1;
  const high = ofCandidate.high / ofControl.low - 1;
  const isKnown = ofControl.low > 0 && Number.isFinite(low) && Number.isFinite(high);
  return {
    control,
    candidate,
    effect: relativeTo(control, candidate),
    interval: isKnown ? { low, high } : null,
    noEffect: null,
    noInterval: isKnown ? null : 'end-unknown',
  };
}

/** Relative to the size of control's value, so that more is more below zero as well. */
function relativeTo(control: number, candidate: number): number {
  return control > 0 ? candidate / control - 1 : (candidate - control) / -control;
}

function whyNoRatio(cell: Record<Arm, QuantileSketch> | null, control: number | null): AnalysisReason {
  if (cell === null || cell.control.n === 0 || cell.candidate.n === 0) return 'not-randomised';
  return control === 0 ? 'zero-control' : 'infinite';
}

/** Place of the boundary of harm among the {@link boundaries}. */
const HARM = 0;

function boundaries(test: MetricTest | null): readonly Margin[] {
  if (test === null) return [];
  return [test.harmBeyond, ...test.budget.map(({ margin }) => margin), { kind: test.margin.kind, value: 0 }];
}

const knownBoundaries = new WeakMap<MetricTest, readonly Margin[]>();

function boundariesOf(test: MetricTest): readonly Margin[] {
  const known = knownBoundaries.get(test);
  if (known !== undefined) return known;
  const found = boundaries(test);
  knownBoundaries.set(test, found);
  return found;
}

/**
 * What the candidate's value would be if it were no worse than the margin allows. A relative margin is a factor on positive values;
 * below zero, where a factor would go the wrong way, its inverse.
 */
function withoutMargin(value: number, margin: Margin, direction: 'higher' | 'lower'): number {
  const isBad = direction === 'lower';
  if (margin.kind === 'absolute') return isBad ? value - margin.value : value + margin.value;
  const byFactor = isBad === value >= 0 ? value / (1 + margin.value) : value * (1 + margin.value);
  if (margin.floor === undefined) return byFactor;
  return isBad ? Math.min(byFactor, value - margin.floor) : Math.max(byFactor, value + margin.floor);
}

/** Whether a percentage of control's limit is none, and nothing else is allowed: half a millisecond would be infinitely more than 0. */
function isNoLimit(limit: number, { margin: { kind, floor } }: MetricTest): boolean {
  return limit === 0 && kind === 'relative' && floor === undefined;
}

/**
 * Whether nothing of either variant lies beyond the limit, as where all values are equal. The tilt, which counts what lies beyond, would
 * learn nothing for ever.
 */
function isEmptyTail(
  { limit: { limit }, counts: { units }, laterEvents }: UpperTailState,
  { values }: UpperTailState,
  metric: MetricDesign,
): boolean {
  const { definition, test } = metric;
  if (laterEvents.windows.some(({ hits }) => hits.size > 0)) return false;
  if (test === null || limit === null || definition.direction !== 'lower') return false;
  if (!isTailEmpty(units.control, 1 - levelOf(metric))) return false;
  const cells = [...values.values()];
  return cells.every(
    ({ control, candidate }) =>
      (quantileOf(control, 1) ?? limit) <= limit &&
      withoutMargin(quantileOf(candidate, 1) ?? -Infinity, test.margin, definition.direction) <= limit,
  );
}

function zerosOf({ values }: UpperTailState, arm: Arm): ZeroCount {
  const sketches = [...values.values()].map((cell) => cell[arm]);
  return {
    units: sketches.reduce((units, { n }) => units + n, 0),
    isZero: sketches.every((sketch) => (quantileOf(sketch, 0) ?? 0) === 0 && (quantileOf(sketch, 1) ?? 0) === 0),
  };
}

/** The tail's share itself: what lies within the margin was taken out of the values. */
const NO_MARGIN: Margin = { kind: 'absolute', value: 0 };

function levelOf({ definition }: MetricDesign): number {
  return (definition as TailMetric).level;
}

function inUnits(margin: Margin, control: number | null): number {
  return marginSize(margin, control ?? 0);
}

function finiteOrNull(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
