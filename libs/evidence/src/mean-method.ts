import {
  bet,
  type Betting,
  type BettingDesign,
  initialBetting,
  initialMeanDifference,
  lnEHarmful,
  lnENonInferior,
  meanDifference,
  type MeanDifference,
  mergeBetting,
  mergeMeanDifference,
  observeMean,
} from '#libs/statistics';
import type { Margin } from '#libs/contracts';
import { type Baseline, baselineOf, initialBaseline, mergeBaselines, observeBaseline } from './baseline.js';
import type { MetricDesign, MetricTest } from './design.js';
import type { Method } from './method.js';
import * as codec from './state-codec.js';
import { initialTally, mergeTally, type Tally } from './tally.js';

/**
 * Means, judged by betting. Control's first units fix the baseline: relative margins become absolute, values get their
 * bounds. What comes before that is shown but not judged.
 */
export interface MeanState {
  readonly kind: 'mean';
  readonly tally: Tally;
  baseline: Baseline;
  readonly betting: Betting;
  readonly difference: MeanDifference;
}

interface EncodedMean {
  readonly tally: Tally;
  readonly baseline: Baseline;
  readonly betting: codec.EncodedBetting;
  readonly difference: codec.EncodedMeanDifference;
}

export const meanMethod: Method<MeanState> = {
  initial: ({ test }) => ({
    kind: 'mean',
    tally: initialTally(),
    baseline: initialBaseline(),
    betting: initialBetting(margins(test)),
    difference: initialMeanDifference(),
  }),

  observe(state, metric, { arm, propensity, value, isFirst }, baselineUnits) {
    state.tally.events[arm] += 1;
    if (!isFirst) return;
    state.tally.units[arm] += 1;
    observeMean(state.difference, arm, propensity, value);
    if (metric.test === null) return;
    if (state.baseline.fixed === null) {
      if (arm === 'control') state.baseline = observeBaseline(state.baseline, value, baselineUnits);
      return;
    }
    const design = designOf(state.baseline, metric, metric.test);
    bet(state.betting, design, arm, propensity, metric.definition.direction === 'higher' ? value : -value);
  },

  merge: (a, b) => ({
    kind: 'mean',
    tally: mergeTally(a.tally, b.tally),
    baseline: mergeBaselines(a.baseline, b.baseline),
    betting: mergeBetting(a.betting, b.betting),
    difference: mergeMeanDifference(a.difference, b.difference),
  }),

  judge(state, metric, alpha) {
    const shown = meanDifference(state.difference, alpha);
    const base = {
      estimate: { control: shown.control, candidate: shown.candidate, effect: shown.difference },
      interval: shown.interval,
      units: state.tally.units,
      events: state.tally.events,
    };
    const { test } = metric;
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (state.tally.units.control === 0 && state.tally.units.candidate === 0)
      return { ...base, tests: null, missing: 'no-data' };
    const fixed = baselineOf(state.baseline);
    if (fixed === null) return { ...base, tests: null, missing: 'baseline' };
    const { nonInferiorAt } = bettingDesign(fixed, metric, test);
    return {
      ...base,
      tests: {
        margin: absolute(test.margin, fixed.mean),
        harmful: lnEHarmful(state.betting, 0),
        nonInferior: lnENonInferior(state.betting, test.budget.length - 1),
        superior: lnENonInferior(state.betting, test.budget.length),
        budget: test.budget.map(({ sharePpm }, index) => ({
          sharePpm,
          margin: nonInferiorAt[index] as number,
          lnENonInferior: lnENonInferior(state.betting, index),
        })),
      },
      missing: null,
    };
  },

  encode: ({ tally, baseline, betting, difference }): EncodedMean => ({
    tally: structuredClone(tally),
    baseline: structuredClone(baseline),
    betting: codec.encodeBetting(betting),
    difference: codec.encodeMeanDifference(difference),
  }),

  decode: ({ tally, baseline, betting, difference }: EncodedMean) => ({
    kind: 'mean',
    tally: structuredClone(tally),
    baseline: structuredClone(baseline),
    betting: codec.decodeBetting(betting),
    difference: codec.decodeMeanDifference(difference),
  }),
};

/** The design follows from the baseline, which never changes once it is fixed: computed once per baseline and metric. */
const designs = new WeakMap<Baseline, Map<MetricDesign, BettingDesign>>();

function designOf(baseline: Baseline, metric: MetricDesign, test: MetricTest): BettingDesign {
  const ofBaseline = designs.get(baseline) ?? new Map<MetricDesign, BettingDesign>();
  const known = ofBaseline.get(metric);
  if (known) return known;
  const design = bettingDesign(baseline.fixed as NonNullable<Baseline['fixed']>, metric, test);
  designs.set(baseline, ofBaseline.set(metric, design));
  return design;
}

function bettingDesign(fixed: NonNullable<Baseline['fixed']>, metric: MetricDesign, test: MetricTest): BettingDesign {
  const margin = absolute(test.margin, fixed.mean);
  const spread = Math.max(fixed.spread, SMALLEST_SPREAD_IN_MARGINS * margin, Number.MIN_VALUE);
  const lo = fixed.mean - BOUND_IN_SPREADS * spread;
  const hi = fixed.mean + BOUND_IN_SPREADS * spread;
  const half = (hi - lo) / 2;
  const isHigher = metric.definition.direction === 'higher';
  return {
    lo: isHigher ? lo : -hi,
    hi: isHigher ? hi : -lo,
    expected: isHigher ? fixed.mean : -fixed.mean,
    harmfulAt: [absolute(test.harmBeyond, fixed.mean)],
    nonInferiorAt: [...test.budget.map((step) => Math.min(half, absolute(step.margin, fixed.mean))), 0],
  };
}

/** Values are clipped this many standard deviations of the baseline from its mean: rarely, and the same for both variants. */
const BOUND_IN_SPREADS = 4;
/** Constant values (a fixed price) still leave room for the margin within the bounds. */
const SMALLEST_SPREAD_IN_MARGINS = 1;

function absolute(margin: Margin, mean: number): number {
  return margin.kind === 'absolute' ? margin.value : margin.value * Math.abs(mean);
}

function margins(test: MetricTest | null): Pick<BettingDesign, 'harmfulAt' | 'nonInferiorAt'> {
  if (test === null) return { harmfulAt: [], nonInferiorAt: [] };
  return { harmfulAt: [0], nonInferiorAt: [...test.budget.map(() => 0), 0] };
}
