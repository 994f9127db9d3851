import {
  betPaired,
  BOLD_WEIGHTS,
  initialPairedBetting,
  lnEPairedHarmful,
  lnEPairedNonInferior,
  mergePairedBetting,
  type PairedBetting,
  type PairedDesign,
  pairedProofWeights,
} from '#libs/statistics';
import { MILLION } from '#libs/contracts';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import { decodePairedBetting, encodePairedBetting, type EncodedPairedBetting } from '../pairs/paired-betting-codec.js';
import type { Method } from './method.js';
import { ofWinRate } from './preference-method.js';

/**
 * How probably people would prefer the candidate's picture, by the scorer's model: betting on the mean of that probability over pairs. A vote
 * for each pair would be another question: of pictures that nobody can tell apart, each a little worse, every vote is lost, and the
 * probability stays at one half.
 */
export interface PredictedPreferenceState {
  readonly kind: 'predicted-preference';
  pairs: number;
  /** Of the probabilities that the candidate's picture is preferred. */
  sum: number;
  readonly betting: PairedBetting;
}

interface EncodedPredictedPreference {
  readonly pairs: number;
  readonly sum: number;
  readonly betting: EncodedPairedBetting;
}

/** Nobody prefers either. */
const EVEN = 0.5;

export const predictedPreferenceMethod: Method<PredictedPreferenceState> = {
  initial: (metric) => ({
    kind: 'predicted-preference',
    pairs: 0,
    sum: 0,
    betting: initialPairedBetting(pairedDesign(metric)),
  }),

  observe(state, metric, { value, isFirst }) {
    if (!isFirst) return;
    state.pairs += 1;
    state.sum += value;
    betPaired(state.betting, pairedDesign(metric), value - EVEN);
  },

  merge: (a, b) => ({
    kind: 'predicted-preference',
    pairs: a.pairs + b.pairs,
    sum: a.sum + b.sum,
    betting: mergePairedBetting(a.betting, b.betting),
  }),

  judge({ pairs, sum, betting }, { test }) {
    const candidate = pairs === 0 ? null : sum / pairs;
    const base = {
      estimates: {
        control: candidate === null ? null : 1 - candidate,
        candidate,
        effect: candidate === null ? null : candidate - EVEN,
        interval: null,
        noEffect: candidate === null ? 'no-data' : null,
        noInterval: candidate === null ? 'no-data' : 'no-interval',
      } as const,
      units: { control: pairs, candidate: pairs },
      events: { control: pairs, candidate: pairs },
      shift: null,
    };
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (pairs === 0) return { ...base, tests: null, missing: 'no-data' };
    const budget = test.budget.map(({ sharePpm, margin }, step) => ({
      sharePpm,
      margin: ofWinRate(margin),
      lnENonInferior: lnEPairedNonInferior(betting, step, pairedProofWeights(sharePpm / MILLION).bets),
    }));
    return {
      ...base,
      tests: {
        margin: ofWinRate(test.margin),
        harmful: lnEPairedHarmful(betting, 0, BOLD_WEIGHTS),
        // The last step is the margin itself.
        nonInferior: budget.at(-1)!.lnENonInferior,
        superior: lnEPairedNonInferior(betting, test.budget.length, BOLD_WEIGHTS),
        budget,
      },
      missing: null,
    };
  },

  /** Bets are made at the margins. */
  tuning: (metric) => pairedDesign(metric),

  encode: ({ pairs, sum, betting }): EncodedPredictedPreference => ({
    pairs,
    sum,
    betting: encodePairedBetting(betting),
  }),

  decode: ({ pairs, sum, betting }: EncodedPredictedPreference) => ({
    kind: 'predicted-preference',
    pairs,
    sum,
    betting: decodePairedBetting(betting),
  }),
};

/** A probability lies within a half of one half, so that nothing is clipped. */
function pairedDesign({ test }: MetricDesign): PairedDesign {
  return {
    largestDifference: EVEN,
    harmfulAt: test === null ? [] : [ofWinRate(test.harmBeyond)],
    nonInferiorAt: test === null ? [] : [...test.budget.map(({ margin }) => ofWinRate(margin)), 0],
  };
}
