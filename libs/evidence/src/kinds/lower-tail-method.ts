import {
  type Arm,
  farTailLimit,
  hit,
  initialTilt,
  lnETailMoreOften,
  lnRateRatio,
  lnRateRatioInterval,
  mergeTilt,
  quantile,
  type Tilt,
} from '#libs/statistics';
import type { Margin } from '#libs/contracts';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { TailMetric } from '../catalogue/definition.js';
import type { Method } from './method.js';
import { addToPast, initialPastQuantile, mergePastQuantiles, type PastQuantile } from './control-tail-limit.js';
import { whyNotBoth } from './estimates.js';
import * as codec from './state-codec.js';
import { initialTally, mergeTally, type Tally } from './arm-counts.js';
import { lnFactor, tiltTests } from './tilt-tests.js';

/**
 * Lower tails (wrong pictures), judged by the tilt on "below control's past 2nd percentile": a candidate that gets one picture
 * in twenty wrong moves the mean by 2 % but this rate by a factor of 3. Margins are
 * relative increases of the rate; an absolute one is a share on top of the tail's nominal one.
 *
 * Harm is looked for at the far end of the tail as well, where a really wrong picture lies and control's hardly
 * ever do; what is shown, and what is proven, is about the whole tail.
 */
export interface LowerTailState {
  readonly kind: 'lower-tail';
  readonly tally: Tally;
  readonly limit: PastQuantile;
  readonly below: Tilt;
  /** Where the far end of the tail begins; read together with the limit. */
  farLimit: number | null;
  readonly farBelow: Tilt;
  /** Units that met a limit: what the rates are shares of. */
  readonly compared: Record<Arm, number>;
}

interface EncodedLowerTail {
  readonly tally: Tally;
  readonly limit: codec.EncodedPast;
  readonly below: codec.EncodedTilt;
  readonly farLimit: number | null;
  readonly farBelow: codec.EncodedTilt;
  readonly compared: Record<Arm, number>;
}

export const lowerTailMethod: Method<LowerTailState> = {
  initial: () => ({
    kind: 'lower-tail',
    tally: initialTally(),
    limit: initialPastQuantile(),
    below: initialTilt(),
    farLimit: null,
    farBelow: initialTilt(),
    compared: { control: 0, candidate: 0 },
  }),

  observe(state, metric, { arm, propensity, value, isFirst }) {
    state.tally.events[arm] += 1;
    if (!isFirst || value === -Infinity) return;
    state.tally.units[arm] += 1;
    if (state.limit.limit !== null) {
      state.compared[arm] += 1;
      if (value < state.limit.limit) hit(state.below, arm, propensity);
    }
    if (state.farLimit !== null && value < state.farLimit) hit(state.farBelow, arm, propensity);
    if (arm === 'candidate') return;
    const level = levelOf(metric);
    const past = addToPast(state.limit, value, level);
    if (past) state.farLimit = farTailLimit({ n: past.n, quantile: (p) => quantile(past, p) }, level);
  },

  merge: (a, b) => ({
    kind: 'lower-tail',
    tally: mergeTally(a.tally, b.tally),
    limit: mergePastQuantiles(a.limit, b.limit),
    below: mergeTilt(a.below, b.below),
    // Of its own a merged past has none; it is for judging only.
    farLimit: null,
    farBelow: mergeTilt(a.farBelow, b.farBelow),
    compared: {
      control: a.compared.control + b.compared.control,
      candidate: a.compared.candidate + b.compared.candidate,
    },
  }),

  judge(state, metric, { alpha }) {
    const hits = totals(state.below);
    const effect = lnRateRatio(state.below);
    const reason = effect === null ? (whyNotBoth(state.compared) ?? 'not-enough-data') : null;
    const base = {
      shown: {
        control: state.compared.control === 0 ? null : hits.control / state.compared.control,
        candidate: state.compared.candidate === 0 ? null : hits.candidate / state.compared.candidate,
        effect,
        interval: lnRateRatioInterval(state.below, alpha),
        noEffect: reason,
        noInterval: reason,
      },
      units: state.tally.units,
      events: state.tally.events,
      shift: null,
    };
    const { test, definition } = metric;
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (state.tally.units.control === 0 && state.tally.units.candidate === 0)
      return { ...base, tests: null, missing: 'no-data' };
    if (state.limit.limit === null) return { ...base, tests: null, missing: 'baseline' };
    const lnRatio = (margin: Margin): number => lnFactor(margin, levelOf(metric));
    const tests = tiltTests(state.below, test, definition.direction, lnRatio);
    const harmful = lnETailMoreOften(state.below, state.farBelow, lnRatio(test.harmBeyond));
    return { ...base, tests: { ...tests, harmful }, missing: null };
  },

  encode: ({ tally, limit, below, farLimit, farBelow, compared }): EncodedLowerTail => ({
    tally: structuredClone(tally),
    limit: codec.encodePast(limit),
    below: codec.encodeTilt(below),
    farLimit,
    farBelow: codec.encodeTilt(farBelow),
    compared: { ...compared },
  }),

  decode: ({ tally, limit, below, farLimit, farBelow, compared }: EncodedLowerTail) => ({
    kind: 'lower-tail',
    tally: structuredClone(tally),
    limit: codec.decodePast(limit),
    below: codec.decodeTilt(below),
    farLimit,
    farBelow: codec.decodeTilt(farBelow),
    compared: { ...compared },
  }),
};

function levelOf({ definition }: MetricDesign): number {
  return (definition as TailMetric).level;
}

function totals(tilt: Tilt): Record<Arm, number> {
  const sum = { control: 0, candidate: 0 };
  for (const cell of tilt.hits.values()) {
    sum.control += cell.control;
    sum.candidate += cell.candidate;
  }
  return sum;
}
