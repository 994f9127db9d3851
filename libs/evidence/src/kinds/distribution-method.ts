import {
  bandwidthsOf,
  decodeWealth,
  type EmbeddingMeans,
  encodeWealth,
  initialWitnessTilt,
  isRandomised,
  lnEWitness,
  mergeWitnessTilts,
  type MmdEstimate,
  observeWitness,
  unbiasedMmd,
  type WitnessTilt,
} from '#libs/statistics';
import type { MetricDesign } from '../catalogue/evidence-design.js';
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

/**
 * Whether pictures differ in any way their embeddings show: the tilt on a witness that is trained on the past alone. It tests
 * equality, so it warns and proves no margin. Shown: the unbiased squared maximum mean discrepancy of equal-handed samples; its
 * interval holds at one look.
 */
export interface DistributionState {
  readonly kind: 'distribution';
  readonly counts: ArmCounts;
  /** Pictures that are compared; kept by one of the metrics that read the same embeddings. */
  sample: PictureSample;
  /** Null before the first picture, which says how long embeddings are. */
  witness: WitnessTilt | null;
}

/** Whichever metric of embeddings keeps the pictures. */
export interface KeepsPictures {
  readonly kind: string;
  readonly sample: PictureSample;
}

interface EncodedMeans {
  readonly n: number;
  readonly sum: readonly number[];
  readonly sumOfSquaredNorms: number;
}

interface EncodedDistribution {
  readonly counts: ArmCounts;
  readonly sample: EncodedSample;
  readonly witness: {
    readonly tilt: readonly number[];
    readonly control: EncodedMeans;
    readonly candidate: EncodedMeans;
    readonly projections: number;
    readonly sumOfSquares: number;
  } | null;
}

export const distributionMethod: Method<DistributionState> = {
  initial: () => ({
    kind: 'distribution',
    counts: initialArmCounts(),
    sample: initialSample(),
    witness: null,
  }),

  observe(state, metric, { arm, propensity, isFirst, picture }) {
    countOne(state.counts.events, arm);
    if (!isFirst || picture === null) return;
    const embedding = decodeEmbedding(picture.embedding);
    if (embedding === null) return;
    state.witness ??= initialWitnessTilt(embedding.length);
    if (embedding.length !== state.witness.control.sum.length) return;
    countOne(state.counts.units, arm);
    if (!isRandomised(propensity)) return;
    if (metric.valuesIn === metric.definition.name) offerPicture(state.sample, arm, picture.unit, embedding);
    observeWitness(state.witness, arm, propensity, embedding);
  },

  merge: (a, b) => ({
    kind: 'distribution',
    counts: mergeArmCounts(a.counts, b.counts),
    sample: mergeSamples(a.sample, b.sample),
    witness: mergeOrKeep(a.witness, b.witness),
  }),

  judge(state, metric, { alpha, states }) {
    const { counts, witness } = state;
    const { sample } = (states.get(metric.valuesIn ?? '') ?? state) as KeepsPictures;
    const base = { units: counts.units, events: counts.events, tests: null };
    if (metric.role === 'observed')
      return { ...base, estimates: noEstimates('not-watched'), shift: null, missing: 'not-watched' };
    const whyNot = whyNotBoth(counts.units);
    if (whyNot !== null) return { ...base, estimates: noEstimates(whyNot), shift: null, missing: 'no-data' };
    return {
      ...base,
      estimates: mmdEstimates(metric, sample, alpha),
      shift: witness && lnEWitness(witness),
      missing: null,
    };
  },

  tuning: () => null,

  encode: ({ counts, sample, witness }): EncodedDistribution => ({
    counts: structuredClone(counts),
    sample: encodeSample(sample),
    witness: witness && {
      tilt: encodeWealth(witness.tilt.wealth),
      control: encodeMeans(witness.control),
      candidate: encodeMeans(witness.candidate),
      projections: witness.projections,
      sumOfSquares: witness.sumOfSquares,
    },
  }),

  decode: ({ counts, sample, witness }: EncodedDistribution) => ({
    kind: 'distribution',
    counts: structuredClone(counts),
    sample: decodeSample(sample),
    witness: witness && {
      tilt: { wealth: decodeWealth(witness.tilt) },
      control: decodeMeans(witness.control),
      candidate: decodeMeans(witness.candidate),
      projections: witness.projections,
      sumOfSquares: witness.sumOfSquares,
    },
  }),
};

/** Samples change rarely once they are full, and comparing them costs the square of their size: the last answer is kept. */
const lastMmd = new WeakMap<MetricDesign, { readonly key: string; readonly estimate: MmdEstimate | null }>();

function mmdEstimates(metric: MetricDesign, sample: PictureSample, alpha: number): Estimates {
  const { control, candidate, key } = comparable(sample);
  const last = lastMmd.get(metric);
  const compare = (): MmdEstimate | null => {
    const bandwidths = bandwidthsOf([...control, ...candidate]);
    return bandwidths && unbiasedMmd(control, candidate, bandwidths, alpha);
  };
  const estimate = last?.key === key ? last.estimate : compare();
  lastMmd.set(metric, { key, estimate });
  if (estimate === null || estimate.mmd2 === null) {
    return noEstimates(control.length + candidate.length < 4 ? 'not-enough-data' : 'no-variance');
  }
  const { mmd2, interval, missing } = estimate;
  return { control: null, candidate: null, effect: mmd2, interval, noEffect: null, noInterval: missing };
}

/** Embeddings of another length come from another scorer, which the analysis says elsewhere; the larger part stays. */
function mergeOrKeep(a: WitnessTilt | null, b: WitnessTilt | null): WitnessTilt | null {
  if (a === null || b === null) return a ?? b;
  if (a.control.sum.length === b.control.sum.length) return mergeWitnessTilts(a, b);
  return a.control.n >= b.control.n ? a : b;
}

function encodeMeans({ n, sum, sumOfSquaredNorms }: EmbeddingMeans): EncodedMeans {
  return { n, sum: [...sum], sumOfSquaredNorms };
}

function decodeMeans({ n, sum, sumOfSquaredNorms }: EncodedMeans): EmbeddingMeans {
  return { n, sum: Float64Array.from(sum), sumOfSquaredNorms };
}
