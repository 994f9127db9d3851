import {
  type Arm,
  bet,
  type Betting,
  type BettingDesign,
  hit,
  initialBetting,
  initialMeanDifference,
  initialTilt,
  lnEHarmful,
  lnEMoreOften,
  lnELessOften,
  lnENonInferior,
  meanDifference,
  type MeanDifference,
  mergeBetting,
  mergeMeanDifference,
  mergeTilt,
  observeMean,
  type Tilt,
  armTotal,
} from '#libs/statistics';
import type { MetricDesign, MetricTest } from '../catalogue/evidence-design.js';
import { effectInterval } from './baseline-betting.js';
import type { Method, Tests } from './method.js';
import { differenceEstimates, whyNotBoth } from './estimates.js';
import * as codec from './state-codec.js';
import { initialArmCounts, mergeArmCounts, type ArmCounts } from './arm-counts.js';
import { lnFactor, tiltTests } from './tilt-tests.js';

/**
 * Rates of an event that is bad, or good where higher is better. An absolute margin is judged by betting on 0/1 values, which is exact at any base rate and can prove
 * non-inferiority though no event ever happens. A relative margin, and any harm at all, are judged by the tilt on each unit's first
 * event, which needs no base rate.
 */
export interface RateState {
  readonly kind: 'rate';
  readonly counts: ArmCounts;
  readonly betting: Betting;
  readonly firstEvents: Tilt;
  readonly difference: MeanDifference;
}

interface EncodedRate {
  readonly counts: ArmCounts;
  readonly betting: codec.EncodedBetting;
  readonly firstEvents: codec.EncodedTilt;
  readonly difference: codec.EncodedMeanDifference;
}

export const rateMethod: Method<RateState> = {
  initial: (metric) => ({
    kind: 'rate',
    counts: initialArmCounts(),
    betting: initialBetting(bettingDesign(metric)),
    firstEvents: initialTilt(),
    difference: initialMeanDifference(),
  }),

  observe(state, metric, { arm, propensity, value, isFirst, isFirstBad }) {
    state.counts.events[arm] += 1;
    if (isFirstBad && metric.test !== null) hit(state.firstEvents, arm, propensity);
    if (!isFirst) return;
    state.counts.units[arm] += 1;
    // Betting takes "higher is better": a bad event is −1.
    const isGood = metric.definition.direction === 'higher';
    if (metric.test !== null) bet(state.betting, designOf(metric), arm, propensity, isGood ? value : -value);
    observeMean(state.difference, arm, propensity, value);
  },

  merge: (a, b) => ({
    kind: 'rate',
    counts: mergeArmCounts(a.counts, b.counts),
    betting: mergeBetting(a.betting, b.betting),
    firstEvents: mergeTilt(a.firstEvents, b.firstEvents),
    difference: mergeMeanDifference(a.difference, b.difference),
  }),

  judge(state, metric, { alpha }) {
    const { test, definition } = metric;
    const base = {
      estimates: differenceEstimates(meanDifference(state.difference, alpha), state.counts),
      units: state.counts.units,
      events: state.counts.events,
      shift: null,
    };
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    const whyNot = whyNotBoth(state.counts.units);
    if (whyNot !== null) return { ...base, tests: null, missing: whyNot };
    const isAbsolute = test.margin.kind === 'absolute';
    return {
      ...base,
      tests: isAbsolute
        ? bySize(state, metric, test)
        : tiltTests(state.firstEvents, test, definition.direction, lnFactor),
      missing: null,
    };
  },

  effectInterval({ betting }, metric, alpha) {
    const design = designOf(metric);
    if (metric.test === null || design.harmfulAt.length === 0 || betting.n === 0) return null;
    return effectInterval(betting, design, metric, alpha);
  },

  tuning: (metric) => ({ ...bettingDesign(metric), isTested: metric.test !== null }),

  encode: ({ counts, betting, firstEvents, difference }): EncodedRate => ({
    counts: structuredClone(counts),
    betting: codec.encodeBetting(betting),
    firstEvents: codec.encodeTilt(firstEvents),
    difference: codec.encodeMeanDifference(difference),
  }),

  decode: ({ counts, betting, firstEvents, difference }: EncodedRate) => ({
    kind: 'rate',
    counts: structuredClone(counts),
    betting: codec.decodeBetting(betting),
    firstEvents: codec.decodeTilt(firstEvents),
    difference: codec.decodeMeanDifference(difference),
  }),
};

function bySize(state: RateState, metric: MetricDesign, test: MetricTest): Tests {
  const { betting, firstEvents } = state;
  const { nonInferiorAt } = designOf(metric);
  const anyHarm = metric.definition.direction === 'lower' ? lnEMoreOften : lnELessOften;
  return {
    margin: test.margin.value,
    harmful: test.anyHarm
      ? anyHarm(firstEvents, 0)
      : provenByMoreThanOne(lnEHarmful(betting, 0), state, metric, 'candidate'),
    nonInferior: lnENonInferior(betting, test.budget.length - 1),
    superior: provenByMoreThanOne(lnENonInferior(betting, test.budget.length), state, metric, 'control'),
    budget: test.budget.map(({ sharePpm }, index) => ({
      sharePpm,
      margin: nonInferiorAt[index] as number,
      lnENonInferior: lnENonInferior(betting, index),
    })),
  };
}

/**
 * One failure proves no rate. At a share of 1 % a failure of the candidate's very first request has odds of a hundred to one against it,
 * and half of all false alarms of an equal candidate would be that. To reject less often than the test does leaves it valid.
 */
const LEAST_BAD_UNITS = 2;

/** @param worse the variant that is to be worse. */
function provenByMoreThanOne(lnE: number, { difference }: RateState, { definition }: MetricDesign, worse: Arm): number {
  const { n, sum } = armTotal(difference, worse);
  const bad = definition.direction === 'lower' ? sum : n - sum;
  return bad >= LEAST_BAD_UNITS ? lnE : Math.min(0, lnE);
}

/** Of events, until there is a past to go by: only a starting point, valid whatever the rate is. */
const USUAL_RATE = 0.01;

const designs = new WeakMap<MetricDesign, BettingDesign>();

function designOf(metric: MetricDesign): BettingDesign {
  const known = designs.get(metric);
  if (known) return known;
  const design = bettingDesign(metric);
  designs.set(metric, design);
  return design;
}

/** Non-inferiority at every step of the budget, the last of which is the margin itself, then at 0 (superiority). */
function bettingDesign({ test, definition, gainGrid }: MetricDesign): BettingDesign {
  const isGood = definition.direction === 'higher';
  const range = isGood ? { lo: 0, hi: 1 } : { lo: -1, hi: 0 };
  if (test === null || test.margin.kind === 'relative') return { ...range, harmfulAt: [], nonInferiorAt: [] };
  const half = 0.5;
  return {
    ...range,
    expected: isGood ? USUAL_RATE : -USUAL_RATE,
    harmfulAt: [...(test.anyHarm ? [] : [test.margin.value]), ...gainGrid],
    nonInferiorAt: [...test.budget.map(({ margin }) => Math.min(half, margin.value)), 0, ...gainGrid],
  };
}
