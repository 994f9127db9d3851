import {
  bet,
  type Betting,
  type BettingDesign,
  hit,
  initialBetting,
  initialMeanDifference,
  initialTilt,
  lnEHarmful,
  lnELessOften,
  lnEMoreOften,
  lnENonInferior,
  meanDifference,
  type MeanDifference,
  mergeBetting,
  mergeMeanDifference,
  mergeTilt,
  observeMean,
  type Tilt,
} from '#libs/statistics';
import type { MetricDesign, MetricTest } from './design.js';
import type { Method } from './method.js';
import * as codec from './state-codec.js';
import { initialTally, mergeTally, type Tally } from './tally.js';

/**
 * Bad-event rates. An absolute margin is judged by betting on 0/1 values, which is exact at any base rate and can prove
 * non-inferiority though no bad event ever happens. A relative margin, and any harm at all, are judged by the tilt on each unit's first
 * bad event, which needs no base rate.
 */
export interface RateState {
  readonly kind: 'rate';
  readonly tally: Tally;
  readonly betting: Betting;
  readonly badEvents: Tilt;
  readonly difference: MeanDifference;
}

interface EncodedRate {
  readonly tally: Tally;
  readonly betting: codec.EncodedBetting;
  readonly badEvents: codec.EncodedTilt;
  readonly difference: codec.EncodedMeanDifference;
}

export const rateMethod: Method<RateState> = {
  initial: (metric) => ({
    kind: 'rate',
    tally: initialTally(),
    betting: initialBetting(bettingDesign(metric.test)),
    badEvents: initialTilt(),
    difference: initialMeanDifference(),
  }),

  observe(state, metric, { arm, propensity, value, isFirst, isFirstBad }) {
    state.tally.events[arm] += 1;
    if (isFirstBad && metric.test !== null) hit(state.badEvents, arm, propensity);
    if (!isFirst) return;
    state.tally.units[arm] += 1;
    // Betting takes "higher is better": a bad event is −1.
    if (metric.test !== null) bet(state.betting, designOf(metric), arm, propensity, -value);
    observeMean(state.difference, arm, propensity, value);
  },

  merge: (a, b) => ({
    kind: 'rate',
    tally: mergeTally(a.tally, b.tally),
    betting: mergeBetting(a.betting, b.betting),
    badEvents: mergeTilt(a.badEvents, b.badEvents),
    difference: mergeMeanDifference(a.difference, b.difference),
  }),

  judge(state, { test }, alpha) {
    const shown = meanDifference(state.difference, alpha);
    const base = {
      estimate: { control: shown.control, candidate: shown.candidate, effect: shown.difference },
      interval: shown.interval,
      units: state.tally.units,
      events: state.tally.events,
    };
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (state.tally.units.control === 0 || state.tally.units.candidate === 0)
      return { ...base, tests: null, missing: 'no-data' };
    return {
      ...base,
      tests: test.margin.kind === 'absolute' ? bySize(state, test) : byRatio(state, test),
      missing: null,
    };
  },

  encode: ({ tally, betting, badEvents, difference }): EncodedRate => ({
    tally: structuredClone(tally),
    betting: codec.encodeBetting(betting),
    badEvents: codec.encodeTilt(badEvents),
    difference: codec.encodeMeanDifference(difference),
  }),

  decode: ({ tally, betting, badEvents, difference }: EncodedRate) => ({
    kind: 'rate',
    tally: structuredClone(tally),
    betting: codec.decodeBetting(betting),
    badEvents: codec.decodeTilt(badEvents),
    difference: codec.decodeMeanDifference(difference),
  }),
};

function bySize({ betting, badEvents }: RateState, test: MetricTest) {
  const { nonInferiorAt } = bettingDesign(test);
  return {
    margin: test.margin.value,
    harmful: test.anyHarm ? lnEMoreOften(badEvents, 0) : lnEHarmful(betting, 0),
    nonInferior: lnENonInferior(betting, test.budget.length - 1),
    superior: lnENonInferior(betting, test.budget.length),
    budget: test.budget.map(({ sharePpm }, index) => ({
      sharePpm,
      margin: nonInferiorAt[index] as number,
      lnENonInferior: lnENonInferior(betting, index),
    })),
  };
}

function byRatio({ badEvents }: RateState, test: MetricTest) {
  return {
    margin: test.margin.value,
    harmful: lnEMoreOften(badEvents, Math.log1p(test.harmBeyond.value)),
    nonInferior: lnELessOften(badEvents, Math.log1p(test.margin.value)),
    superior: lnELessOften(badEvents, 0),
    budget: test.budget.map(({ sharePpm, margin }) => ({
      sharePpm,
      margin: margin.value,
      lnENonInferior: lnELessOften(badEvents, Math.log1p(margin.value)),
    })),
  };
}

/** Of bad events, until there is a past to go by: only a starting point, valid whatever the rate is. */
const USUAL_RATE = 0.01;

const designs = new WeakMap<MetricDesign, BettingDesign>();

function designOf(metric: MetricDesign): BettingDesign {
  const known = designs.get(metric);
  if (known) return known;
  const design = bettingDesign(metric.test);
  designs.set(metric, design);
  return design;
}

/** Non-inferiority at every step of the budget, the last of which is the margin itself, then at 0 (superiority). */
function bettingDesign(test: MetricTest | null): BettingDesign {
  if (test === null || test.margin.kind === 'relative') return { lo: -1, hi: 0, harmfulAt: [], nonInferiorAt: [] };
  const half = 0.5;
  return {
    lo: -1,
    hi: 0,
    expected: -USUAL_RATE,
    harmfulAt: test.anyHarm ? [] : [test.margin.value],
    nonInferiorAt: [...test.budget.map(({ margin }) => Math.min(half, margin.value)), 0],
  };
}
