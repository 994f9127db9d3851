import { MILLION } from '#libs/contracts';
import {
  addToSketch,
  type Arm,
  hitPair,
  initialPairedTilt,
  initialSketch,
  lnEPairedLessOften,
  lnEPairedMoreOften,
  mergePairedTilts,
  mergeSketches,
  type PairedTilt,
  pairedProofWeights,
  quantile,
  type QuantileSketch,
  TILTS,
} from '#libs/statistics';
import type { TailMetric } from '../catalogue/definition.js';
import type { MetricDesign, MetricTest } from '../catalogue/evidence-design.js';
import type { Tests } from '../kinds/method.js';
import {
  decodeEpisodes,
  encodeEpisodes,
  type EncodedEpisodes,
  type Episodes,
  initialEpisodes,
  mergeEpisodes,
} from '../kinds/episodes.js';
import { emptyTailTests, isTailEmpty } from '../kinds/nothing-happened.js';
import { decodeSketch, type EncodedSketch, encodeSketch } from '../kinds/state-codec.js';
import {
  boundariesOf,
  inUnits,
  isNoLimit,
  NO_MARGIN,
  relativeTo,
  withoutTailMargin,
} from '../kinds/upper-tail-method.js';
import { judgesHarm } from './pair-episodes.js';
import { judgedPairs, type PairedMethod } from './paired-method.js';

/**
 * Quantiles (latency): the tilt on pairs of which a side lies beyond control's past quantile. The margin is taken out of the candidate's value
 * beforehand, so that every boundary is "equally often" and only discordant pairs count.
 */
export interface PairedUpperTailState {
  readonly kind: 'upper-tail';
  n: number;
  /** At the boundary of harm (without episodes' repetitions), at every step of the budget, and at no margin. */
  readonly beyond: readonly PairedTilt[];
  readonly episodes: Episodes;
  readonly values: Readonly<Record<Arm, QuantileSketch>>;
}

interface EncodedPairedUpperTail {
  readonly n: number;
  readonly beyond: readonly PairedTilt[];
  readonly episodes: EncodedEpisodes;
  readonly values: Readonly<Record<Arm, EncodedSketch>>;
}

export const pairedUpperTail: PairedMethod<PairedUpperTailState> = {
  initial: ({ test }) => ({
    kind: 'upper-tail',
    n: 0,
    beyond: boundariesOf(test as MetricTest).map(initialPairedTilt),
    episodes: initialEpisodes(),
    values: { control: initialSketch(), candidate: initialSketch() },
  }),

  frameOf(ordinary, { test }) {
    if (ordinary?.kind !== 'upper-tail' || test === null) return null;
    const { limit } = ordinary.limit;
    return limit === null || isNoLimit(limit, test) ? null : [limit];
  },

  observe(state, { definition: { direction }, episodes: rule, test }, { control, candidate, frame: [limit], atMs }) {
    if (limit === undefined) return;
    state.n += 1;
    addToSketch(state.values.control, control.value);
    addToSketch(state.values.candidate, candidate.value);
    const isControlBad = control.value > limit;
    boundariesOf(test as MetricTest).forEach((margin, index) => {
      const isCandidateBad = withoutTailMargin(candidate.value, margin, direction) > limit;
      const isJudged = index !== HARM || judgesHarm(state.episodes, rule, { isControlBad, isCandidateBad, atMs });
      if (isJudged) hitPair(state.beyond[index] as PairedTilt, isControlBad, isCandidateBad);
    });
  },

  merge: (a, b) => ({
    kind: 'upper-tail',
    n: a.n + b.n,
    beyond: a.beyond.map((events, index) => mergePairedTilts(events, b.beyond[index] as PairedTilt)),
    episodes: mergeEpisodes(a.episodes, b.episodes),
    values: {
      control: mergeSketches(a.values.control, b.values.control),
      candidate: mergeSketches(a.values.candidate, b.values.candidate),
    },
  }),

  judge(state, metric) {
    const { n, beyond, values } = state;
    const { level } = metric.definition as TailMetric;
    const control = finite(quantile(values.control, level));
    const candidate = finite(quantile(values.candidate, level));
    const effect = control === null || candidate === null || control === 0 ? null : relativeTo(control, candidate);
    const base = judgedPairs(n, { control, candidate, effect });
    if (n === 0) return { ...base, tests: null, missing: 'baseline' };
    const isEmpty = beyond.every((events) => events.candidateOnly + events.controlOnly + events.both === 0);
    if (metric.definition.direction === 'lower' && isEmpty && isTailEmpty(n, 1 - level)) {
      const test = metric.test as MetricTest;
      const nothing = test.budget.map((step) => ({ ...step, margin: NO_MARGIN }));
      const tests = emptyTailTests({ ...test, margin: NO_MARGIN, budget: nothing }, 1 - level, base.units);
      return { ...base, tests, missing: null, special: 'none-beyond' };
    }
    return { ...base, tests: testsOf(state, metric, control), missing: null };
  },

  encode: ({ n, beyond, episodes, values }): EncodedPairedUpperTail => ({
    n,
    beyond: structuredClone(beyond),
    episodes: encodeEpisodes(episodes),
    values: { control: encodeSketch(values.control), candidate: encodeSketch(values.candidate) },
  }),

  decode: ({ n, beyond, episodes, values }: EncodedPairedUpperTail) => ({
    kind: 'upper-tail',
    n,
    beyond: structuredClone(beyond),
    episodes: decodeEpisodes(episodes),
    values: { control: decodeSketch(values.control), candidate: decodeSketch(values.candidate) },
  }),
};

/** Place of the boundary of harm among the boundaries. */
const HARM = 0;

function testsOf({ beyond }: PairedUpperTailState, { definition, test }: MetricDesign, control: number | null): Tests {
  const { margin, budget } = test as MetricTest;
  const [harm, ...steps] = beyond as readonly [PairedTilt, ...PairedTilt[]];
  const isBad = definition.direction === 'lower';
  const better = (events: PairedTilt, weights?: readonly number[]): number =>
    isBad ? lnEPairedLessOften(events, 0, weights) : lnEPairedMoreOften(events, 0, TILTS, weights);
  return {
    margin: inUnits(margin, control),
    harmful: isBad ? lnEPairedMoreOften(harm, 0) : lnEPairedLessOften(harm, 0),
    nonInferior: better(steps[budget.length - 1] as PairedTilt, pairedProofWeights(1).tilts),
    superior: better(steps[budget.length] as PairedTilt),
    budget: budget.map((step, index) => ({
      sharePpm: step.sharePpm,
      margin: inUnits(step.margin, control),
      lnENonInferior: better(steps[index] as PairedTilt, pairedProofWeights(step.sharePpm / MILLION).tilts),
    })),
  };
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
