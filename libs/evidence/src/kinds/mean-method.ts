import {
  armTotal,
  betInClass,
  type ClassCentres,
  initialClassCentres,
  initialMeanDifference,
  meanDifference,
  type MeanDifference,
  mergeMeanDifference,
  mergeNestedBetting,
  type NestedBetting,
  observeMean,
} from '#libs/statistics';
import { MOST_PROMPT_CLASSES } from '#libs/contracts';
import { type Baseline, initialBaseline, mergeBaselines, observeBaseline } from './baseline.js';
import { bettingDesignOf, bettingEffect, bettingTuning, judgeBets, betsBeforeBaseline } from './baseline-betting.js';
import type { Judgement, Method } from './method.js';
import { zeroIn } from './nothing-happened.js';
import { differenceEstimates } from './estimates.js';
import * as codec from './state-codec.js';
import { type ArmCounts, countOne, initialArmCounts, mergeArmCounts } from './arm-counts.js';

/**
 * Means, judged by betting within nested bounds. Control's first units fix the baseline: relative margins become absolute, values get
 * their bounds. What comes before that is shown but not judged.
 */
export interface MeanState {
  readonly kind: 'mean';
  readonly counts: ArmCounts;
  baseline: Baseline;
  readonly betting: NestedBetting;
  /** Where the pictures of each class of prompts lie, of metrics of pictures. */
  readonly classes: ClassCentres;
  readonly difference: MeanDifference;
}

interface EncodedMean {
  readonly counts: ArmCounts;
  readonly baseline: Baseline;
  readonly betting: codec.EncodedNestedBetting;
  readonly classes: codec.EncodedClassCentres;
  readonly difference: codec.EncodedMeanDifference;
}

export const meanMethod: Method<MeanState> = {
  initial: (metric) => ({
    kind: 'mean',
    counts: initialArmCounts(),
    baseline: initialBaseline(),
    betting: betsBeforeBaseline(metric),
    classes: initialClassCentres(
      metric.test !== null && metric.definition.topic === 'image.scored.v1' ? MOST_PROMPT_CLASSES : 0,
    ),
    difference: initialMeanDifference(),
  }),

  observe(state, metric, { arm, propensity, value, isFirst, promptClass }, baselineUnits) {
    countOne(state.counts.events, arm);
    if (!isFirst) return;
    countOne(state.counts.units, arm);
    observeMean(state.difference, arm, propensity, value);
    if (metric.test === null) return;
    if (state.baseline.fixed === null) {
      if (arm === 'control') state.baseline = observeBaseline(state.baseline, value, baselineUnits);
      return;
    }
    const design = bettingDesignOf(state.baseline, metric, metric.test);
    const better = metric.definition.direction === 'higher' ? value : -value;
    betInClass(state.betting, design, arm, propensity, better, state.classes, promptClass);
  },

  merge: (a, b) => ({
    kind: 'mean',
    counts: mergeArmCounts(a.counts, b.counts),
    baseline: mergeBaselines(a.baseline, b.baseline),
    betting: mergeNestedBetting(a.betting, b.betting),
    // For judging only: each part predicts from its own past.
    classes: initialClassCentres(0),
    difference: mergeMeanDifference(a.difference, b.difference),
  }),

  judge(state, metric, { alpha }) {
    const base = {
      estimates: differenceEstimates(meanDifference(state.difference, alpha), state.counts),
      units: state.counts.units,
      events: state.counts.events,
      shift: null,
    };
    const { test } = metric;
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (state.counts.units.control === 0 && state.counts.units.candidate === 0)
      return { ...base, tests: null, missing: metric.definition.windowMs === undefined ? 'no-data' : 'open-windows' };
    const { fixed } = state.baseline;
    if (fixed === null) return { ...base, tests: null, missing: 'baseline' };
    const special = zerosOf(state.difference);
    return { ...base, ...judgeBets({ betting: state.betting, fixed, special, units: base.units }, metric, test) };
  },

  effectInterval: ({ betting, baseline }, metric, alpha) => bettingEffect(betting, baseline.fixed, metric, alpha),

  tuning: bettingTuning,

  encode: ({ counts, baseline, betting, classes, difference }): EncodedMean => ({
    counts: structuredClone(counts),
    baseline: structuredClone(baseline),
    betting: codec.encodeNestedBetting(betting),
    classes: codec.encodeClassCentres(classes),
    difference: codec.encodeMeanDifference(difference),
  }),

  decode: ({ counts, baseline, betting, classes, difference }: EncodedMean) => ({
    kind: 'mean',
    counts: structuredClone(counts),
    baseline: structuredClone(baseline),
    betting: codec.decodeNestedBetting(betting),
    classes: codec.decodeClassCentres(classes),
    difference: codec.decodeMeanDifference(difference),
  }),
};

function zerosOf(difference: MeanDifference): Judgement['special'] {
  // Doubly robust values are all 0 only where all values are equal: opposite ones may add up to 0 as well.
  const isEqual = [...difference.stages.values()].every(({ sumOfSquares }) => sumOfSquares === 0);
  const control = armTotal(difference, 'control');
  const candidate = armTotal(difference, 'candidate');
  return zeroIn(
    { units: control.n, isZero: control.sum === 0 },
    { units: candidate.n, isZero: isEqual && candidate.sum === 0 },
  );
}
