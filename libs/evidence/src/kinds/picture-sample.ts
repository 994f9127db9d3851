import {
  type Arm,
  type Embedding,
  type EmbeddingReservoir,
  initialReservoir,
  mergeReservoirs,
  offerEmbedding,
} from '#libs/statistics';
import { decodeEmbedding, encodeEmbedding } from '#libs/contracts';

/** Pictures of each variant that are kept to be compared: what costs the square or the cube of it is done at every analysis. */
const KEPT = 48;
/** Which pictures are kept is drawn by a hash of their units; one seed, so that partitions draw alike. */
const SEED = 1;

/** A uniform random sample of the units' first pictures, by arm, and each picture as it came. */
export type PictureSample = Record<Arm, EmbeddingReservoir>;

export function initialSample(): PictureSample {
  return { control: initialReservoir(KEPT, SEED), candidate: initialReservoir(KEPT, SEED) };
}

/** Adds the picture of a unit where its hash is among the smallest. */
export function offerPicture(sample: PictureSample, arm: Arm, unit: string, embedding: Embedding): void {
  sample[arm] = offerEmbedding(sample[arm], unit, embedding);
}

export function mergeSamples(a: PictureSample, b: PictureSample): PictureSample {
  return { control: mergeReservoirs(a.control, b.control), candidate: mergeReservoirs(a.candidate, b.candidate) };
}

export interface ComparablePictures {
  readonly control: readonly Embedding[];
  readonly candidate: readonly Embedding[];
  /** Equal for equal samples: what was computed of one need not be computed again. */
  readonly key: string;
}

/** The sampled pictures of one length only: those of another scorer can't be compared, which the analysis says elsewhere. */
export function comparable({ control, candidate }: PictureSample): ComparablePictures {
  const length = control.kept[0]?.embedding.length ?? candidate.kept[0]?.embedding.length ?? 0;
  const ofLength = ({ kept }: EmbeddingReservoir) => kept.filter(({ embedding }) => embedding.length === length);
  const pictures = [ofLength(control), ofLength(candidate)] as const;
  return {
    control: pictures[0].map(({ embedding }) => embedding),
    candidate: pictures[1].map(({ embedding }) => embedding),
    key: pictures.map((kept) => kept.map(({ id }) => id).join(' ')).join(' | '),
  };
}

export type EncodedSample = Readonly<Record<Arm, readonly (readonly [string, number, string])[]>>;

export function encodeSample({ control, candidate }: PictureSample): EncodedSample {
  return { control: encodeReservoir(control), candidate: encodeReservoir(candidate) };
}

export function decodeSample({ control, candidate }: EncodedSample): PictureSample {
  return { control: decodeReservoir(control), candidate: decodeReservoir(candidate) };
}

function encodeReservoir({ kept }: EmbeddingReservoir): EncodedSample[Arm] {
  return kept.map(({ id, priority, embedding }) => [id, priority, encodeEmbedding(embedding)] as const);
}

function decodeReservoir(encoded: EncodedSample[Arm]): EmbeddingReservoir {
  const kept = encoded.map(([id, priority, text]) => ({
    id,
    priority,
    embedding: decodeEmbedding(text) as Float64Array,
  }));
  return { ...initialReservoir(KEPT, SEED), kept };
}
