import {
  bet,
  type Betting,
  type BettingDesign,
  allowBadEvent,
  hit,
  hitInWindow,
  initialBetting,
  initialMeanDifference,
  initialRestartedTilt,
  initialTilt,
  isRandomised,
  lnEFirstOrLater,
  lnERestarted,
  lnEHarmful,
  lnEMoreOften,
  lnELessOften,
  lnENonInferior,
  logMeanExp,
  meanDifference,
  type MeanDifference,
  mergeBetting,
  mergeMeanDifference,
  mergeRestartedTilts,
  mergeTilt,
  type RestartedTilt,
  observeMean,
  proofWeights,
  type Tilt,
  armTotal,
  WIDE_TILTS,
} from '#libs/statistics';
import { type Margin, MILLION } from '#libs/contracts';
import type { MetricDesign, MetricTest } from '../catalogue/evidence-design.js';
import { effectInterval } from './baseline-betting.js';
import type { Estimates, Method, Observation, Tests } from './method.js';
import { zeroIn } from './nothing-happened.js';
import { differenceEstimates, whyNotBoth } from './estimates.js';
import * as codec from './state-codec.js';
import {
  copyRecent,
  type EventShares,
  initialRecentRequests,
  laterHarm,
  mergeRecent,
  noteRecent,
  type RecentRequests,
  withoutContradicted,
} from './all-requests.js';
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
import { initialToldEnds, isControlTold, mergeToldEnds, noteEnd, type ToldEnds } from './told-ends.js';

/**
 * Rates of an event that is bad, or good where higher is better. An absolute margin is judged by betting on 0/1 values, which is exact at any base rate and can prove
 * non-inferiority though no event ever happens. A relative margin, and any harm at all, are judged by the tilt on units whose first value is
 * an event, which needs no base rate. A relative margin with a floor allows what either of the two allows: harm has to be proven beyond both,
 * so that the smaller e-value counts (an e-process for the union of two hypotheses), and to stay within one of them is enough, so that
 * their mean does. Harm is also looked for in each unit's first bad event, whenever it comes ({@link RestartedTilt}).
 */
export interface RateState {
  readonly kind: 'rate';
  readonly counts: ArmCounts;
  readonly betting: Betting;
  /** Units whose first value is 1. */
  readonly firstValues: Tilt;
  /** The same for the test of harm, without episodes' repetitions. */
  readonly harm: HarmOfRate;
  /** Units' first bad events, whenever they come; without those as well. */
  readonly laterEvents: RestartedTilt;
  readonly recent: RecentRequests;
  /** Of first values; of all values. */
  readonly difference: MeanDifference;
  readonly allValues: MeanDifference;
  /** Of metrics of how requests end. */
  readonly told: ToldEnds;
}

interface HarmOfRate {
  readonly betting: Betting;
  readonly firstValues: Tilt;
  /** Bad units of the candidate among those that were bet on. */
  bad: number;
  readonly episodes: Episodes;
}

interface EncodedRate {
  readonly counts: ArmCounts;
  readonly betting: codec.EncodedBetting;
  readonly firstValues: codec.EncodedTilt;
  readonly harm: {
    readonly betting: codec.EncodedBetting;
    readonly firstValues: codec.EncodedTilt;
    readonly bad: number;
    readonly episodes: EncodedEpisodes;
  };
  readonly laterEvents: codec.EncodedRestartedTilt;
  readonly recent: RecentRequests;
  readonly difference: codec.EncodedMeanDifference;
  readonly allValues: codec.EncodedMeanDifference;
  readonly told?: ToldEnds;
}

export const rateMethod: Method<RateState> = {
  initial: (metric) => ({
    kind: 'rate',
    counts: initialArmCounts(),
    betting: initialBetting(proofDesign(metric)),
    firstValues: initialTilt(),
    harm: {
      betting: initialBetting(harmDesign(metric)),
      firstValues: initialTilt(),
      bad: 0,
      episodes: initialEpisodes(),
    },
    laterEvents: initialRestartedTilt(),
    recent: initialRecentRequests(),
    difference: initialMeanDifference(),
    allValues: initialMeanDifference(),
    told: initialToldEnds(),
  }),

  observe(state, metric, seen) {
    const { arm, propensity, value, isFirst } = seen;
    const isBadEvent = metric.test !== null && observeHarm(state, metric, metric.test, seen);
    countOne(state.counts.events, arm);
    noteRecent(state.recent, seen.window, arm, value === 1);
    observeMean(state.allValues, arm, propensity, value);
    if (!isFirst) return isBadEvent;
    countOne(state.counts.units, arm);
    observeMean(state.difference, arm, propensity, value);
    if (metric.test === null) return isBadEvent;
    const isGood = metric.definition.direction === 'higher';
    if (tellsOfEnds(metric)) {
      const isTold = isControlTold(state.told, seen.atMs);
      noteEnd(state.told, seen, value === (isGood ? 1 : 0));
      if (!isTold) return isBadEvent;
    }
    if (value === 1) hit(state.firstValues, arm, propensity);
    // Betting takes "higher is better": a bad event is −1.
    bet(state.betting, designsOf(metric).proof, arm, propensity, isGood ? value : -value);
    return isBadEvent;
  },

  merge: (a, b) => ({
    kind: 'rate',
    counts: mergeArmCounts(a.counts, b.counts),
    betting: mergeBetting(a.betting, b.betting),
    firstValues: mergeTilt(a.firstValues, b.firstValues),
    harm: {
      betting: mergeBetting(a.harm.betting, b.harm.betting),
      firstValues: mergeTilt(a.harm.firstValues, b.harm.firstValues),
      bad: a.harm.bad + b.harm.bad,
      episodes: mergeEpisodes(a.harm.episodes, b.harm.episodes),
    },
    laterEvents: mergeRestartedTilts(a.laterEvents, b.laterEvents),
    recent: mergeRecent(a.recent, b.recent),
    difference: mergeMeanDifference(a.difference, b.difference),
    allValues: mergeMeanDifference(a.allValues, b.allValues),
    told: mergeToldEnds(a.told, b.told),
  }),

  judge(state, metric, { alpha }) {
    const { test } = metric;
    const base = {
      estimates: estimatesOf(state, alpha),
      units: state.counts.units,
      events: state.counts.events,
      leftOut: state.harm.episodes.leftOut,
      shift: null,
    };
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    const whyNot = whyNotBoth(state.counts.units);
    if (whyNot !== null) return { ...base, tests: null, missing: whyNot };
    const { direction } = metric.definition;
    const all = sharesOf(state, alpha);
    const tests = withoutContradicted(testsOf(state, metric, test), all, { direction, ...test });
    const harmful = tellsOfEnds(metric) ? unlessAwaited(tests.harmful, badUnits(state, direction)) : tests.harmful;
    const first = lnERestarted(state.laterEvents, laterBoundary(test, direction).lnRatio);
    const later = laterHarm(first, all, state.recent, { direction, margin: test.harmBeyond });
    const control = armTotal(state.allValues, 'control');
    const candidate = armTotal(state.allValues, 'candidate');
    const special = zeroIn(
      { units: control.n, isZero: control.sum === 0 },
      { units: candidate.n, isZero: candidate.sum === 0 },
    );
    return { ...base, tests: { ...tests, harmful: lnEFirstOrLater(harmful, later) }, missing: null, special };
  },

  effectInterval({ betting }, metric, alpha) {
    const { proof: design } = designsOf(metric);
    if (metric.test === null || design.harmfulAt.length === 0 || betting.n === 0) return null;
    return effectInterval(betting, design, metric, alpha);
  },

  tuning: (metric) => ({
    ...proofDesign(metric),
    harm: harmDesign(metric),
    isTested: metric.test !== null,
    episodes: metric.episodes,
  }),

  encode: ({ counts, betting, firstValues, harm, laterEvents, recent, difference, allValues, told }): EncodedRate => ({
    counts: structuredClone(counts),
    betting: codec.encodeBetting(betting),
    firstValues: codec.encodeTilt(firstValues),
    harm: {
      betting: codec.encodeBetting(harm.betting),
      firstValues: codec.encodeTilt(harm.firstValues),
      bad: harm.bad,
      episodes: encodeEpisodes(harm.episodes),
    },
    laterEvents: codec.encodeRestartedTilt(laterEvents),
    recent: copyRecent(recent),
    difference: codec.encodeMeanDifference(difference),
    allValues: codec.encodeMeanDifference(allValues),
    told: { ...told },
  }),

  decode: ({ counts, betting, firstValues, harm, laterEvents, recent, difference, allValues, told }: EncodedRate) => ({
    kind: 'rate',
    counts: structuredClone(counts),
    betting: codec.decodeBetting(betting),
    firstValues: codec.decodeTilt(firstValues),
    harm: {
      betting: codec.decodeBetting(harm.betting),
      firstValues: codec.decodeTilt(harm.firstValues),
      bad: harm.bad,
      episodes: decodeEpisodes(harm.episodes),
    },
    laterEvents: codec.decodeRestartedTilt(laterEvents),
    recent: copyRecent(recent),
    difference: codec.decodeMeanDifference(difference),
    allValues: codec.decodeMeanDifference(allValues),
    // Evidence of before: it waits for control's ends once.
    told: told ? { ...told } : initialToldEnds(),
  }),
};

/** What is left out for an episode is no unit's bad event either. @returns whether the unit has had it now. */
function observeHarm(state: RateState, metric: MetricDesign, test: MetricTest, seen: Observation): boolean {
  const { harm } = state;
  const { arm, propensity, value, isFirst } = seen;
  if (isLeftOut(harm.episodes, metric.episodes, seen)) return false;
  const isBadEvent = seen.isAtRisk && noteLater(state, metric, test, seen);
  const isGood = metric.definition.direction === 'higher';
  const isBad = value === (isGood ? 0 : 1);
  if (isFirst) {
    if (value === 1) hit(harm.firstValues, arm, propensity);
    bet(harm.betting, designsOf(metric).harm, arm, propensity, isGood ? value : -value);
    if (isBad && arm === 'candidate') harm.bad += 1;
  }
  if (isBad && (isFirst || isBadEvent)) noteBadEvent(harm.episodes, metric.episodes, seen);
  return isBadEvent;
}

/**
 * The unit's bad event of the window, or for control what the margin lets the candidate have beside. Good events don't count here
 * where higher is better: what is looked for is the first request that went wrong.
 * @returns whether the unit has had it now.
 */
function noteLater(
  { laterEvents, allValues }: RateState,
  { definition }: MetricDesign,
  test: MetricTest,
  { arm, propensity, value, window }: Observation,
): boolean {
  if (!isRandomised(propensity)) return false;
  const isGood = definition.direction === 'higher';
  if (value === (isGood ? 0 : 1)) return hitInWindow(laterEvents, window, arm, propensity);
  const { allowed } = laterBoundary(test, definition.direction);
  if (arm === 'candidate' || allowed === 0) return false;
  // Of the good requests more have to be taken than of all: those that are bad anyhow can't be bad beside.
  const { n, sum } = armTotal(allValues, 'control');
  const good = isGood ? sum : n - sum;
  return allowBadEvent(laterEvents, window, Math.min(1, (allowed * (n + 1)) / (good + 1)), propensity);
}

/**
 * What a unit's bad events may be at the boundary of harm: so many times as frequent as control's, and a share of the requests beside. With a
 * floor both at once, which is more than either of the two that the margin allows.
 */
function laterBoundary(
  { harmBeyond: { kind, value, floor = 0 } }: MetricTest,
  direction: 'higher' | 'lower',
): { readonly lnRatio: number; readonly allowed: number } {
  if (kind === 'absolute') return { lnRatio: 0, allowed: value };
  // A good event may become rarer by a factor of 1 + value, which makes at most value / (1 + value) of the requests bad.
  return direction === 'lower'
    ? { lnRatio: Math.log1p(value), allowed: floor }
    : { lnRatio: 0, allowed: Math.max(floor, value / (1 + value)) };
}

/**
 * Shown are all requests; the interval is that of the units' first ones, which alone were drawn at random, and only while what is shown
 * lies in it: then later requests have told nothing else.
 */
function estimatesOf({ counts, difference, allValues }: RateState, alpha: number): Estimates {
  const ofFirst = differenceEstimates(meanDifference(difference, alpha), counts);
  const { control, candidate, difference: effect } = meanDifference(allValues, alpha);
  if (effect === null) return { ...ofFirst, control, candidate };
  const { interval } = ofFirst;
  const isOutside = interval !== null && (effect < interval.low || effect > interval.high);
  return {
    control,
    candidate,
    effect,
    interval: isOutside ? null : interval,
    noEffect: null,
    noInterval: isOutside ? 'later-requests-differ' : ofFirst.noInterval,
  };
}

/** All requests, weighed like the units: by the shares that they came under. */
function sharesOf({ allValues }: RateState, alpha: number): EventShares {
  const { control, candidate } = meanDifference(allValues, alpha);
  return {
    control: { n: control === null ? 0 : armTotal(allValues, 'control').n, share: control ?? 0 },
    candidate: { n: candidate === null ? 0 : armTotal(allValues, 'candidate').n, share: candidate ?? 0 },
  };
}

function testsOf(state: RateState, metric: MetricDesign, test: MetricTest): Tests {
  return byKindOfMargin(
    test,
    () => ratioTests(state, test, metric.definition.direction),
    () => bySize(state, metric, test),
  );
}

/** The tests at an absolute margin, at a ratio, or at a ratio with a floor, which allows what either of the two allows (see {@link RateState}). */
export function byKindOfMargin(test: MetricTest, ratio: () => Tests, size: () => Tests): Tests {
  if (test.margin.kind === 'absolute') return size();
  const byRatio = ratio();
  if (test.margin.floor === undefined) return byRatio;
  const byFloor = size();
  return {
    ...byRatio,
    harmful: test.anyHarm ? byRatio.harmful : Math.min(byRatio.harmful, byFloor.harmful),
    nonInferior: logMeanExp([byRatio.nonInferior, byFloor.nonInferior]),
    budget: byRatio.budget.map((step, index) => ({
      ...step,
      lnENonInferior: logMeanExp([step.lnENonInferior, byFloor.budget[index]?.lnENonInferior ?? 0]),
    })),
  };
}

function ratioTests({ firstValues, harm }: RateState, test: MetricTest, direction: 'higher' | 'lower'): Tests {
  const { harmful } = tiltTests(harm.firstValues, test, direction, lnFactor);
  return { ...tiltTests(firstValues, test, direction, lnFactor), harmful };
}

function bySize(state: RateState, metric: MetricDesign, test: MetricTest): Tests {
  const { betting, harm } = state;
  const { nonInferiorAt } = designsOf(metric).proof;
  const anyHarm = metric.definition.direction === 'lower' ? lnEMoreOften : lnELessOften;
  return {
    margin: test.margin.value,
    harmful: test.anyHarm ? anyHarm(harm.firstValues, 0) : provenByMoreThanOne(lnEHarmful(harm.betting, 0), harm.bad),
    nonInferior: lnENonInferior(betting, test.budget.length - 1, proofWeights(1).bets),
    superior: provenByMoreThanOne(lnENonInferior(betting, test.budget.length), badOfControl(state, metric)),
    budget: test.budget.map(({ sharePpm }, index) => ({
      sharePpm,
      margin: nonInferiorAt[index] as number,
      lnENonInferior: lnENonInferior(betting, index, proofWeights(sharePpm / MILLION).bets),
    })),
  };
}

/** Whether the metric is of how requests end. */
function tellsOfEnds({ definition: { topic } }: MetricDesign): boolean {
  return topic === 'request.routed.v1';
}

/**
 * Harm by how requests ended. A failure may be told long before the pictures of those that were asked for with it: a few seconds after the first share of a
 * service that takes ten for a picture all that has ended has failed, and as long as a slower candidate's first pictures are awaited that is so of the candidate alone. What
 * is bet on then is lost for good. So it is also looked at whose the bad ends are: a variant's part of them is its share of the requests, however late the others are told.
 */
export function unlessAwaited(lnE: number, badUnitsOfBoth: Tilt): number {
  return Math.min(lnE, lnEMoreOften(badUnitsOfBoth, 0, WIDE_TILTS));
}

/** Units whose first value is bad. */
function badUnits({ difference }: RateState, direction: 'higher' | 'lower'): Tilt {
  const bad = initialTilt();
  const badIn = ({ n, sum }: { readonly n: number; readonly sum: number }) => (direction === 'lower' ? sum : n - sum);
  for (const [propensity, { control, candidate }] of difference.stages)
    bad.hits.set(propensity, { control: badIn(control), candidate: badIn(candidate) });
  return bad;
}

/**
 * One failure proves no rate. At a share of 1 % a failure of the candidate's very first request has odds of a hundred to one against it,
 * and half of all false alarms of an equal candidate would be that. To reject less often than the test does leaves it valid.
 */
const LEAST_BAD_UNITS = 2;

/** @param bad units, or pairs, of the variant that is to be worse. */
export function provenByMoreThanOne(lnE: number, bad: number): number {
  return bad >= LEAST_BAD_UNITS ? lnE : Math.min(0, lnE);
}

function badOfControl({ difference }: RateState, { definition }: MetricDesign): number {
  const { n, sum } = armTotal(difference, 'control');
  return definition.direction === 'lower' ? sum : n - sum;
}

/** Of bad events, until there is a past to go by: only a starting point, valid whatever the rate is. */
const USUAL_RATE = 0.01;

interface RateDesigns {
  readonly proof: BettingDesign;
  readonly harm: BettingDesign;
}

const designs = new WeakMap<MetricDesign, RateDesigns>();

function designsOf(metric: MetricDesign): RateDesigns {
  const known = designs.get(metric);
  if (known) return known;
  const both = { proof: proofDesign(metric), harm: harmDesign(metric) };
  designs.set(metric, both);
  return both;
}

/** Non-inferiority at every step of the budget, the last of which is the margin itself, then at 0 (superiority). */
function proofDesign(metric: MetricDesign): BettingDesign {
  const { test, gainGrid } = metric;
  if (!isBySize(test)) return { ...rangeOf(metric), harmfulAt: [], nonInferiorAt: [] };
  const half = 0.5;
  return {
    ...rangeOf(metric),
    harmfulAt: gainGrid,
    nonInferiorAt: [...test.budget.map(({ margin }) => Math.min(half, sizeOf(margin) as number)), 0, ...gainGrid],
  };
}

function harmDesign(metric: MetricDesign): BettingDesign {
  const { test } = metric;
  const harmfulAt = isBySize(test) && !test.anyHarm ? [sizeOf(test.margin) as number] : [];
  return { ...rangeOf(metric), harmfulAt, nonInferiorAt: [] };
}

function isBySize(test: MetricTest | null): test is MetricTest {
  return test !== null && sizeOf(test.margin) !== null;
}

/** Bad events are rare; good ones may be rare, as downloads are, or usual, as deliveries are. */
function rangeOf({ definition }: MetricDesign): Pick<BettingDesign, 'lo' | 'hi' | 'expected' | 'awaitsPast'> {
  return definition.direction === 'higher'
    ? { lo: 0, hi: 1, awaitsPast: true }
    : { lo: -1, hi: 0, expected: -USUAL_RATE };
}

/** The difference of shares that a margin names; null where it names a ratio alone. */
export function sizeOf({ kind, value, floor }: Margin): number | null {
  return kind === 'absolute' ? value : (floor ?? null);
}
