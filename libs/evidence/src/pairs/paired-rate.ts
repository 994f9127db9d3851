import { MILLION } from '#libs/contracts';
import {
  betPaired,
  hitPair,
  initialPairedBetting,
  initialPairedTilt,
  lnEPairedHarmful,
  lnEPairedLessOften,
  lnEPairedMoreOften,
  lnEPairedNonInferior,
  logMeanExp,
  mergePairedBetting,
  mergePairedTilts,
  type PairedBetting,
  type PairedDesign,
  type PairedTilt,
  pairedProofWeights,
} from '#libs/statistics';
import type { MetricDesign, MetricTest } from '../catalogue/evidence-design.js';
import type { Tests } from '../kinds/method.js';
import { zeroIn } from '../kinds/nothing-happened.js';
import { sizeOf } from '../kinds/rate-method.js';
import { lnFactor, testsByTilt } from '../kinds/tilt-tests.js';
import { decodePairedBetting, type EncodedPairedBetting, encodePairedBetting } from './paired-betting-codec.js';
import { pairedTilt } from './paired-tilt-tests.js';
import { judgedPairs, type PairedMethod } from './paired-method.js';

/**
 * Rates: an absolute margin by betting on the difference of a pair's events, which is −1, 0 or 1 and never clipped; a relative one, and any
 * harm at all, by the tilt on pairs. A relative margin with a floor allows what either of the two allows, as for values one by one.
 */
export interface PairedRateState {
  readonly kind: 'rate';
  n: number;
  /** Pairs by which sides' value is 1. */
  readonly ones: PairedTilt;
  readonly betting: PairedBetting;
}

type EncodedPairedRate = Omit<PairedRateState, 'betting'> & { readonly betting: EncodedPairedBetting };

export const pairedRate: PairedMethod<PairedRateState> = {
  initial: (metric) => ({
    kind: 'rate',
    n: 0,
    ones: initialPairedTilt(),
    betting: initialPairedBetting(designOf(metric)),
  }),

  frameOf: () => [],

  observe(state, metric, { control, candidate }) {
    state.n += 1;
    hitPair(state.ones, control.value === 1, candidate.value === 1);
    const difference = candidate.value - control.value;
    betPaired(state.betting, designOf(metric), metric.definition.direction === 'higher' ? difference : -difference);
  },

  merge: (a, b) => ({
    kind: 'rate',
    n: a.n + b.n,
    ones: mergePairedTilts(a.ones, b.ones),
    betting: mergePairedBetting(a.betting, b.betting),
  }),

  judge(state, metric) {
    const { n, ones } = state;
    const control = ones.controlOnly + ones.both;
    const candidate = ones.candidateOnly + ones.both;
    const share = (hits: number): number | null => (n === 0 ? null : hits / n);
    const base = judgedPairs(n, {
      control: share(control),
      candidate: share(candidate),
      effect: share(candidate - control),
    });
    if (n === 0) return { ...base, tests: null, missing: 'no-data' };
    const special = zeroIn({ units: n, isZero: control === 0 }, { units: n, isZero: candidate === 0 });
    return { ...base, tests: testsOf(state, metric, metric.test as MetricTest), missing: null, special };
  },

  encode: ({ betting, ...counts }): EncodedPairedRate => ({
    ...structuredClone(counts),
    betting: encodePairedBetting(betting),
  }),

  decode: ({ betting, ...counts }: EncodedPairedRate) => ({
    ...structuredClone(counts),
    betting: decodePairedBetting(betting),
  }),
};

function testsOf(state: PairedRateState, metric: MetricDesign, test: MetricTest): Tests {
  if (test.margin.kind === 'absolute') return bySize(state, metric, test);
  const byRatio = testsByTilt(pairedTilt(state.ones), test, metric.definition.direction, lnFactor);
  if (test.margin.floor === undefined) return byRatio;
  const byFloor = bySize(state, metric, test);
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

function bySize({ ones, betting }: PairedRateState, metric: MetricDesign, test: MetricTest): Tests {
  const isBad = metric.definition.direction === 'lower';
  const worseAlone = isBad ? ones.candidateOnly : ones.controlOnly;
  const betterAlone = isBad ? ones.controlOnly : ones.candidateOnly;
  const anyHarm = isBad ? lnEPairedMoreOften(ones, 0) : lnEPairedLessOften(ones, 0);
  const { nonInferiorAt } = designOf(metric);
  return {
    margin: test.margin.value,
    harmful: test.anyHarm ? anyHarm : provenByMoreThanOne(lnEPairedHarmful(betting, 0), worseAlone),
    nonInferior: lnEPairedNonInferior(betting, test.budget.length - 1, pairedProofWeights(1).bets),
    superior: provenByMoreThanOne(lnEPairedNonInferior(betting, test.budget.length), betterAlone),
    budget: test.budget.map(({ sharePpm }, index) => ({
      sharePpm,
      margin: nonInferiorAt[index] as number,
      lnENonInferior: lnEPairedNonInferior(betting, index, pairedProofWeights(sharePpm / MILLION).bets),
    })),
  };
}

/** One failure proves no rate, of pairs as of units. To reject less often than the test does leaves it valid. */
function provenByMoreThanOne(lnE: number, pairs: number): number {
  return pairs >= 2 ? lnE : Math.min(0, lnE);
}

const designs = new WeakMap<MetricDesign, PairedDesign>();

function designOf(metric: MetricDesign): PairedDesign {
  const known = designs.get(metric);
  if (known) return known;
  const design = rateDesign(metric.test as MetricTest);
  designs.set(metric, design);
  return design;
}

/** Non-inferiority at every step of the budget, the last of which is the margin itself, then at 0 (superiority). */
function rateDesign({ margin, budget, anyHarm }: MetricTest): PairedDesign {
  const size = sizeOf(margin);
  if (size === null) return { largestDifference: 1, harmfulAt: [], nonInferiorAt: [] };
  const half = 0.5;
  return {
    largestDifference: 1,
    harmfulAt: anyHarm ? [] : [size],
    nonInferiorAt: [...budget.map((step) => Math.min(half, sizeOf(step.margin) as number)), 0],
  };
}
