import {
  type Arm,
  hit,
  initialTilt,
  lnELessOften,
  lnEMoreOften,
  lnRateRatio,
  lnRateRatioInterval,
  mergeTilt,
  type Tilt,
} from '#libs/statistics';
import type { Margin } from '#libs/contracts';
import type { MetricTest } from './design.js';
import { TAIL_QUANTILE } from './metrics.js';
import type { Method } from './method.js';
import { addToPast, initialPastQuantile, mergePastQuantiles, type PastQuantile } from './past-quantile.js';
import * as codec from './state-codec.js';
import { initialTally, mergeTally, type Tally } from './tally.js';

const P = TAIL_QUANTILE['lower-tail'];

/**
 * Lower tails (wrong pictures), judged by the tilt on "below control's past 2nd percentile": a candidate that gets one picture
 * in twenty wrong moves the mean by 2 % but this rate by a factor of 3. Margins are relative increases of the rate.
 */
export interface LowerTailState {
  readonly kind: 'lower-tail';
  readonly tally: Tally;
  readonly limit: PastQuantile;
  readonly below: Tilt;
  /** Units that met a limit: what the rates are shares of. */
  readonly compared: Record<Arm, number>;
}

interface EncodedLowerTail {
  readonly tally: Tally;
  readonly past: codec.EncodedSketch;
  readonly limit: number | null;
  readonly refreshAt: number;
  readonly below: codec.EncodedTilt;
  readonly compared: Record<Arm, number>;
}

export const lowerTailMethod: Method<LowerTailState> = {
  initial: () => ({
    kind: 'lower-tail',
    tally: initialTally(),
    limit: initialPastQuantile(),
    below: initialTilt(),
    compared: { control: 0, candidate: 0 },
  }),

  observe(state, _metric, { arm, propensity, value, isFirst }) {
    state.tally.events[arm] += 1;
    if (!isFirst) return;
    state.tally.units[arm] += 1;
    if (state.limit.limit !== null) {
      state.compared[arm] += 1;
      if (value < state.limit.limit) hit(state.below, arm, propensity);
    }
    if (arm === 'control') addToPast(state.limit, value, P);
  },

  merge: (a, b) => ({
    kind: 'lower-tail',
    tally: mergeTally(a.tally, b.tally),
    limit: mergePastQuantiles(a.limit, b.limit),
    below: mergeTilt(a.below, b.below),
    compared: {
      control: a.compared.control + b.compared.control,
      candidate: a.compared.candidate + b.compared.candidate,
    },
  }),

  judge(state, { test }, alpha) {
    const hits = totals(state.below);
    const base = {
      estimate: {
        control: state.compared.control === 0 ? null : hits.control / state.compared.control,
        candidate: state.compared.candidate === 0 ? null : hits.candidate / state.compared.candidate,
        effect: lnRateRatio(state.below),
      },
      interval: lnRateRatioInterval(state.below, alpha),
      units: state.tally.units,
      events: state.tally.events,
    };
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (state.tally.units.control === 0 && state.tally.units.candidate === 0)
      return { ...base, tests: null, missing: 'no-data' };
    if (state.limit.limit === null) return { ...base, tests: null, missing: 'baseline' };
    return { ...base, tests: testsOf(state.below, test), missing: null };
  },

  encode: ({ tally, limit, below, compared }): EncodedLowerTail => ({
    tally: structuredClone(tally),
    past: codec.encodeSketch(limit.past),
    limit: limit.limit,
    refreshAt: limit.refreshAt,
    below: codec.encodeTilt(below),
    compared: { ...compared },
  }),

  decode: ({ tally, past, limit, refreshAt, below, compared }: EncodedLowerTail) => ({
    kind: 'lower-tail',
    tally: structuredClone(tally),
    limit: { past: codec.decodeSketch(past), limit, refreshAt },
    below: codec.decodeTilt(below),
    compared: { ...compared },
  }),
};

function testsOf(below: Tilt, test: MetricTest) {
  return {
    margin: test.margin.value,
    harmful: lnEMoreOften(below, lnRatio(test.harmBeyond)),
    nonInferior: lnELessOften(below, lnRatio(test.margin)),
    superior: lnELessOften(below, 0),
    budget: test.budget.map(({ sharePpm, margin }) => ({
      sharePpm,
      margin: margin.value,
      lnENonInferior: lnELessOften(below, lnRatio(margin)),
    })),
  };
}

/** ln of the largest allowed rate ratio; an absolute margin is a share on top of the tail's nominal one. */
function lnRatio(margin: Margin): number {
  return Math.log1p(margin.kind === 'relative' ? margin.value : margin.value / P);
}

function totals(tilt: Tilt): Record<Arm, number> {
  const sum = { control: 0, candidate: 0 };
  for (const cell of tilt.hits.values()) {
    sum.control += cell.control;
    sum.candidate += cell.candidate;
  }
  return sum;
}
