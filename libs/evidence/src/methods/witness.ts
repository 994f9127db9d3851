import {
  type Arm,
  type Embedding,
  type EmbeddingMeans,
  initialEmbeddingMeans,
  meanEmbedding,
  mergeEmbeddingMeans,
  observeEmbedding,
} from '#libs/statistics';

/** Pictures of each variant before the line between them says anything. */
const SMALLEST_PAST = 20;
/** Scores are cut at so many times their usual size. */
const CUT = 2;

/**
 * The direction in which the variants' past pictures differ: from the mean of control's embeddings to the mean of the candidate's. A
 * new picture is scored by how far it lies along it, seen from half way. The score rests on the past alone, as the tilt needs.
 *
 * Source: the witness function of the maximum mean discrepancy with a linear kernel (Gretton et al., JMLR 13, 2012, §2.3).
 */
export interface Witness {
  readonly means: Record<Arm, EmbeddingMeans>;
  /** How many pictures were scored, and the sum of their squared distances along the line. */
  scored: number;
  sumOfSquares: number;
}

export function initialWitness(dimension: number): Witness {
  return {
    means: { control: initialEmbeddingMeans(dimension), candidate: initialEmbeddingMeans(dimension) },
    scored: 0,
    sumOfSquares: 0,
  };
}

/** Scores a picture by the past, −1 to 1, and then makes it part of the past; null before there is one. O(dimension). */
export function scorePicture(witness: Witness, arm: Arm, picture: Embedding): number | null {
  const distance = distanceAlong(witness, picture);
  let score: number | null = null;
  if (distance !== null) {
    const usual = witness.scored === 0 ? 0 : Math.sqrt(witness.sumOfSquares / witness.scored);
    score = usual === 0 ? 0 : Math.min(1, Math.max(-1, distance / (CUT * usual)));
    witness.scored += 1;
    witness.sumOfSquares += distance * distance;
  }
  observeEmbedding(witness.means[arm], picture);
  return score;
}

export function mergeWitnesses(a: Witness, b: Witness): Witness {
  return {
    means: {
      control: mergeEmbeddingMeans(a.means.control, b.means.control),
      candidate: mergeEmbeddingMeans(a.means.candidate, b.means.candidate),
    },
    scored: a.scored + b.scored,
    sumOfSquares: a.sumOfSquares + b.sumOfSquares,
  };
}

/** ⟨μ_T − μ_C, x − (μ_T + μ_C)/2⟩. */
function distanceAlong({ means }: Witness, picture: Embedding): number | null {
  if (means.control.n < SMALLEST_PAST || means.candidate.n < SMALLEST_PAST) return null;
  const control = meanEmbedding(means.control) as Float64Array;
  const candidate = meanEmbedding(means.candidate) as Float64Array;
  let distance = 0;
  for (let k = 0; k < control.length; k++) {
    const [c, t] = [control[k] as number, candidate[k] as number];
    distance += (t - c) * ((picture[k] as number) - (t + c) / 2);
  }
  return distance;
}
