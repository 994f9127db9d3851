import { compareDiversity, type DiversityComparison } from '#libs/statistics';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { KeepsPictures } from './distribution-method.js';
import { decodeEmbedding } from '#libs/contracts';
import type { Method, Estimates } from './method.js';
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
import { noEstimates, whyNotBoth } from './estimates.js';
import { type ArmCounts, countOne, initialArmCounts, mergeArmCounts } from './arm-counts.js';

/** How different a variant's pictures are among themselves: Vendi score at equal n. A property of a set, without a test: it is shown only. */
export interface DiversityState {
  readonly kind: 'diversity';
  readonly counts: ArmCounts;
  /** Empty where another metric keeps the same pictures. */
  sample: PictureSample;
}

interface EncodedDiversity {
  readonly counts: ArmCounts;
  readonly sample: EncodedSample;
}

export const diversityMethod: Method<DiversityState> = {
  initial: () => ({ kind: 'diversity', counts: initialArmCounts(), sample: initialSample() }),

  observe(state, metric, { arm, isFirst, picture }) {
    countOne(state.counts.events, arm);
    if (!isFirst || picture === null) return;
    countOne(state.counts.units, arm);
    if (metric.valuesIn !== metric.definition.name) return;
    const embedding = decodeEmbedding(picture.embedding);
    if (embedding !== null) offerPicture(state.sample, arm, picture.unit, embedding);
  },

  merge: (a, b) => ({
    kind: 'diversity',
    counts: mergeArmCounts(a.counts, b.counts),
    sample: mergeSamples(a.sample, b.sample),
  }),

  judge(state, metric, { states }) {
    const { counts } = state;
    const base = { units: counts.units, events: counts.events, tests: null, shift: null };
    if (metric.role === 'observed') return { ...base, estimates: noEstimates('not-watched'), missing: 'not-watched' };
    const whyNot = whyNotBoth(counts.units);
    if (whyNot !== null) return { ...base, estimates: noEstimates(whyNot), missing: 'no-data' };
    const keeper = (states.get(metric.valuesIn ?? '') ?? state) as KeepsPictures;
    return { ...base, estimates: diversityEstimates(metric, keeper.sample), missing: 'no-test' };
  },

  tuning: () => null,

  encode: ({ counts, sample }): EncodedDiversity => ({
    counts: structuredClone(counts),
    sample: encodeSample(sample),
  }),

  decode: ({ counts, sample }: EncodedDiversity) => ({
    kind: 'diversity',
    counts: structuredClone(counts),
    sample: decodeSample(sample),
  }),
};

/** Samples change rarely once they are full, and their eigenvalues cost the cube of their size: the last answer is kept. */
const last = new WeakMap<MetricDesign, { readonly key: string; readonly comparison: DiversityComparison }>();

function diversityEstimates(metric: MetricDesign, sample: PictureSample): Estimates {
  const { control, candidate, key } = comparable(sample);
  const known = last.get(metric);
  const comparison = known?.key === key ? known.comparison : compareDiversity(control, candidate);
  last.set(metric, { key, comparison });
  if (comparison.vendi === null) return noEstimates('not-enough-data');
  const { vendi } = comparison;
  return {
    ...vendi,
    effect: vendi.candidate / vendi.control - 1,
    interval: null,
    noEffect: null,
    noInterval: 'no-interval',
  };
}
