import { compareDiversity, type DiversityComparison } from '#libs/statistics';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { DistributionState } from './distribution-method.js';
import { decodeFloat16 } from './float16.js';
import type { Method, Shown } from './method.js';
import {
  comparable,
  decodeSample,
  encodeSample,
  type EncodedSample,
  initialSample,
  mergeSamples,
  offerPicture,
  type PictureSample,
} from './picture-sample.js';
import { nothingShown, whyNotBoth } from './estimates.js';
import { initialTally, mergeTally, type Tally } from './arm-counts.js';

/** How different a variant's pictures are among themselves: Vendi score at equal n. A property of a set, without a test: it is shown only. */
export interface DiversityState {
  readonly kind: 'diversity';
  readonly tally: Tally;
  /** Empty where another metric keeps the same pictures. */
  sample: PictureSample;
}

interface EncodedDiversity {
  readonly tally: Tally;
  readonly sample: EncodedSample;
}

export const diversityMethod: Method<DiversityState> = {
  initial: () => ({ kind: 'diversity', tally: initialTally(), sample: initialSample() }),

  observe(state, metric, { arm, isFirst, picture }) {
    state.tally.events[arm] += 1;
    if (!isFirst || picture === null) return;
    state.tally.units[arm] += 1;
    if (metric.valuesIn !== metric.index) return;
    const embedding = decodeFloat16(picture.embedding);
    if (embedding !== null) offerPicture(state.sample, arm, picture.unit, embedding);
  },

  merge: (a, b) => ({
    kind: 'diversity',
    tally: mergeTally(a.tally, b.tally),
    sample: mergeSamples(a.sample, b.sample),
  }),

  judge(state, metric, { states }) {
    const { tally } = state;
    const base = { units: tally.units, events: tally.events, tests: null, shift: null };
    if (metric.role === 'observed') return { ...base, shown: nothingShown('not-watched'), missing: 'not-watched' };
    const whyNot = whyNotBoth(tally.units);
    if (whyNot !== null) return { ...base, shown: nothingShown(whyNot), missing: 'no-data' };
    const keeper = (states[metric.valuesIn] ?? state) as DiversityState | DistributionState;
    return { ...base, shown: shownDiversity(metric, keeper.sample), missing: 'no-test' };
  },

  encode: ({ tally, sample }): EncodedDiversity => ({
    tally: structuredClone(tally),
    sample: encodeSample(sample),
  }),

  decode: ({ tally, sample }: EncodedDiversity) => ({
    kind: 'diversity',
    tally: structuredClone(tally),
    sample: decodeSample(sample),
  }),
};

/** Samples change rarely once they are full, and their eigenvalues cost the cube of their size: the last answer is kept. */
const last = new WeakMap<MetricDesign, { readonly key: string; readonly comparison: DiversityComparison }>();

function shownDiversity(metric: MetricDesign, sample: PictureSample): Shown {
  const { control, candidate, key } = comparable(sample);
  const known = last.get(metric);
  const comparison = known?.key === key ? known.comparison : compareDiversity(control, candidate);
  last.set(metric, { key, comparison });
  if (comparison.vendi === null) return nothingShown('not-enough-data');
  const { vendi } = comparison;
  return {
    ...vendi,
    effect: vendi.candidate / vendi.control - 1,
    interval: null,
    noEffect: null,
    noInterval: 'no-interval',
  };
}
