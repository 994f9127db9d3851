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
  mergePairedBetting,
  mergePairedTilts,
  type PairedBetting,
  type PairedDesign,
  type PairedTilt,
  pairedProofWeights,
} from '#libs/statistics';
import type { MetricDesign, MetricTest } from '../catalogue/evidence-design.js';
import {
  decodeEpisodes,
  encodeEpisodes,
  type EncodedEpisodes,
  type Episodes,
  initialEpisodes,
  mergeEpisodes,
} from '../kinds/episodes.js';
import type { Tests } from '../kinds/method.js';
import { zeroIn } from '../kinds/nothing-happened.js';
import { byKindOfMargin, provenByMoreThanOne, sizeOf } from '../kinds/rate-method.js';
import { lnFactor, testsByTilt } from '../kinds/tilt-tests.js';
import { decodePairedBetting, type EncodedPairedBetting, encodePairedBetting } from './paired-betting-codec.js';
import { judgesHarm } from './pair-episodes.js';
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
  /** The same for the test of harm, without episodes' repetitions. */
  readonly harm: { readonly ones: PairedTilt; readonly betting: PairedBetting; readonly episodes: Episodes };
}

interface EncodedPairedRate {
  readonly n: number;
  readonly ones: PairedTilt;
  readonly betting: EncodedPairedBetting;
  readonly harm: {
    readonly ones: PairedTilt;
    readonly betting: EncodedPairedBetting;
    readonly episodes: EncodedEpisodes;
  };
}

export const pairedRate: PairedMethod<PairedRateState> = {
  initial: (metric) => ({
    kind: 'rate',
    n: 0,
    ones: initialPairedTilt(),
    betting: initialPairedBetting(designsOf(metric).proof),
    harm: {
      ones: initialPairedTilt(),
      betting: initialPairedBetting(designsOf(metric).harm),
      episodes: initialEpisodes(),
    },
  }),

  frameOf: () => [],

  observe(state, metric, { control, candidate, atMs }) {
    state.n += 1;
    const [ofControl, ofCandidate] = [control.value === 1, candidate.value === 1];
    const isGood = metric.definition.direction === 'higher';
    const difference = candidate.value - control.value;
    const better = isGood ? difference : -difference;
    const { proof, harm } = designsOf(metric);
    hitPair(state.ones, ofControl, ofCandidate);
    betPaired(state.betting, proof, better);
    const bad = { isControlBad: ofControl !== isGood, isCandidateBad: ofCandidate !== isGood, atMs };
    if (!judgesHarm(state.harm.episodes, metric.episodes, bad)) return;
    hitPair(state.harm.ones, ofControl, ofCandidate);
    betPaired(state.harm.betting, harm, better);
  },

  merge: (a, b) => ({
    kind: 'rate',
    n: a.n + b.n,
    ones: mergePairedTilts(a.ones, b.ones),
    betting: mergePairedBetting(a.betting, b.betting),
    harm: {
      ones: mergePairedTilts(a.harm.ones, b.harm.ones),
      betting: mergePairedBetting(a.harm.betting, b.harm.betting),
      episodes: mergeEpisodes(a.harm.episodes, b.harm.episodes),
    },
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

  encode: ({ n, ones, betting, harm }): EncodedPairedRate => ({
    n,
    ones: { ...ones },
    betting: encodePairedBetting(betting),
    harm: {
      ones: { ...harm.ones },
      betting: encodePairedBetting(harm.betting),
      episodes: encodeEpisodes(harm.episodes),
    },
  }),

  decode: ({ n, ones, betting, harm }: EncodedPairedRate) => ({
    kind: 'rate',
    n,
    ones: { ...ones },
    betting: decodePairedBetting(betting),
    harm: {
      ones: { ...harm.ones },
      betting: decodePairedBetting(harm.betting),
      episodes: decodeEpisodes(harm.episodes),
    },
  }),
};

function testsOf(state: PairedRateState, metric: MetricDesign, test: MetricTest): Tests {
  return byKindOfMargin(
    test,
    () => ratioTests(state, test, metric.definition.direction),
    () => bySize(state, metric, test),
  );
}

function ratioTests({ ones, harm }: PairedRateState, test: MetricTest, direction: 'higher' | 'lower'): Tests {
  const { harmful } = testsByTilt(pairedTilt(harm.ones), test, direction, lnFactor);
  return { ...testsByTilt(pairedTilt(ones), test, direction, lnFactor), harmful };
}

function bySize({ ones, betting, harm }: PairedRateState, metric: MetricDesign, test: MetricTest): Tests {
  const isBad = metric.definition.direction === 'lower';
  const worseAlone = isBad ? harm.ones.candidateOnly : harm.ones.controlOnly;
  const betterAlone = isBad ? ones.controlOnly : ones.candidateOnly;
  const anyHarm = isBad ? lnEPairedMoreOften(harm.ones, 0) : lnEPairedLessOften(harm.ones, 0);
  const { nonInferiorAt } = designsOf(metric).proof;
  return {
    margin: test.margin.value,
    harmful: test.anyHarm ? anyHarm : provenByMoreThanOne(lnEPairedHarmful(harm.betting, 0), worseAlone),
    nonInferior: lnEPairedNonInferior(betting, test.budget.length - 1, pairedProofWeights(1).bets),
    superior: provenByMoreThanOne(lnEPairedNonInferior(betting, test.budget.length), betterAlone),
    budget: test.budget.map(({ sharePpm }, index) => ({
      sharePpm,
      margin: nonInferiorAt[index] as number,
      lnENonInferior: lnEPairedNonInferior(betting, index, pairedProofWeights(sharePpm / MILLION).bets),
    })),
  };
}

interface RateDesigns {
  readonly proof: PairedDesign;
  readonly harm: PairedDesign;
}

const designs = new WeakMap<MetricDesign, RateDesigns>();

function designsOf(metric: MetricDesign): RateDesigns {
  const known = designs.get(metric);
  if (known) return known;
  const both = rateDesigns(metric.test as MetricTest);
  designs.set(metric, both);
  return both;
}

/** Non-inferiority at every step of the budget, the last of which is the margin itself, then at 0 (superiority). */
function rateDesigns({ margin, budget, anyHarm }: MetricTest): RateDesigns {
  const size = sizeOf(margin);
  const nothing: PairedDesign = { largestDifference: 1, harmfulAt: [], nonInferiorAt: [] };
  if (size === null) return { proof: nothing, harm: nothing };
  const half = 0.5;
  const steps = budget.map((step) => Math.min(half, sizeOf(step.margin) as number));
  return {
    proof: { ...nothing, nonInferiorAt: [...steps, 0] },
    harm: { ...nothing, harmfulAt: anyHarm ? [] : [size] },
  };
}
