import {
  FAR_TILTS,
  hitPair,
  initialPairedTilt,
  lnEPairedMoreOften,
  logMeanExp,
  mergePairedTilts,
  type PairedTilt,
} from '#libs/statistics';
import type { TailMetric } from '../catalogue/definition.js';
import type { MetricTest } from '../catalogue/evidence-design.js';
import {
  decodeEpisodes,
  encodeEpisodes,
  type EncodedEpisodes,
  type Episodes,
  initialEpisodes,
  mergeEpisodes,
} from '../kinds/episodes.js';
import { emptyTailTests, isTailEmpty } from '../kinds/nothing-happened.js';
import { lnFactor, testsByTilt } from '../kinds/tilt-tests.js';
import { judgesHarm } from './pair-episodes.js';
import { judgedPairs, type PairedMethod } from './paired-method.js';
import { pairedTilt } from './paired-tilt-tests.js';

/** Lower tails (wrong pictures): the tilt on pairs of which a side lies below control's past quantile, and for harm far below it as well. */
export interface PairedLowerTailState {
  readonly kind: 'lower-tail';
  n: number;
  readonly below: PairedTilt;
  /** For harm, without episodes' repetitions: below the limit, and far below. */
  readonly harmBelow: PairedTilt;
  readonly harmFarBelow: PairedTilt;
  readonly episodes: Episodes;
}

type EncodedPairedLowerTail = Omit<PairedLowerTailState, 'episodes'> & { readonly episodes: EncodedEpisodes };

export const pairedLowerTail: PairedMethod<PairedLowerTailState> = {
  initial: () => ({
    kind: 'lower-tail',
    n: 0,
    below: initialPairedTilt(),
    harmBelow: initialPairedTilt(),
    harmFarBelow: initialPairedTilt(),
    episodes: initialEpisodes(),
  }),

  frameOf(ordinary) {
    if (ordinary?.kind !== 'lower-tail' || ordinary.limit.limit === null) return null;
    return [ordinary.limit.limit, ordinary.farLimit ?? -Infinity];
  },

  observe(state, { episodes: rule }, { control, candidate, frame: [limit, farLimit], atMs }) {
    if (limit === undefined || farLimit === undefined) return;
    state.n += 1;
    const isControlBad = control.value < limit;
    const isCandidateBad = candidate.value < limit;
    hitPair(state.below, isControlBad, isCandidateBad);
    if (!judgesHarm(state.episodes, rule, { isControlBad, isCandidateBad, atMs })) return;
    hitPair(state.harmBelow, isControlBad, isCandidateBad);
    hitPair(state.harmFarBelow, control.value < farLimit, candidate.value < farLimit);
  },

  merge: (a, b) => ({
    kind: 'lower-tail',
    n: a.n + b.n,
    below: mergePairedTilts(a.below, b.below),
    harmBelow: mergePairedTilts(a.harmBelow, b.harmBelow),
    harmFarBelow: mergePairedTilts(a.harmFarBelow, b.harmFarBelow),
    episodes: mergeEpisodes(a.episodes, b.episodes),
  }),

  judge({ n, below, harmBelow, harmFarBelow }, { test, definition }) {
    const control = below.controlOnly + below.both;
    const candidate = below.candidateOnly + below.both;
    const base = judgedPairs(n, {
      control: n === 0 ? null : control / n,
      candidate: n === 0 ? null : candidate / n,
      effect: control === 0 || candidate === 0 ? null : Math.log(candidate / control),
    });
    if (n === 0) return { ...base, tests: null, missing: 'baseline' };
    const { level } = definition as TailMetric;
    const { harmBeyond } = test as MetricTest;
    if (control + candidate === 0 && isTailEmpty(n, level)) {
      const tests = emptyTailTests(test as MetricTest, level, base.units);
      return { ...base, tests, missing: null, special: 'none-beyond' };
    }
    const tests = testsByTilt(pairedTilt(below), test as MetricTest, definition.direction, (margin) =>
      lnFactor(margin, level),
    );
    const boundary = lnFactor(harmBeyond, level);
    const harmful = logMeanExp([
      lnEPairedMoreOften(harmBelow, boundary),
      lnEPairedMoreOften(harmFarBelow, boundary, FAR_TILTS),
    ]);
    return { ...base, tests: { ...tests, harmful }, missing: null };
  },

  encode: ({ episodes, ...counts }): EncodedPairedLowerTail => ({
    ...structuredClone(counts),
    episodes: encodeEpisodes(episodes),
  }),

  decode: ({ episodes, ...counts }: EncodedPairedLowerTail) => ({
    ...structuredClone(counts),
    episodes: decodeEpisodes(episodes),
  }),
};
