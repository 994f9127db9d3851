import { type Arm, isRandomised } from '../arm.js';
import { initialScoredTilt, lnEShift, mergeScoredTilt, observeScore, type ScoredTilt } from './scored-tilt.js';
import {
  type EmbeddingMeans,
  initialEmbeddingMeans,
  mergeEmbeddingMeans,
  observeEmbedding,
} from '../summaries/embedding-means.js';

/** Embeddings of either variant before its mean is worth a direction. */
const DIRECTION_FROM = 10;

/** Scores are clipped at this many spreads of the past ones. */
const LARGEST_SCORE_IN_SPREADS = 2;

/**
 * Do both variants' embeddings follow the same law? Scored tilt along the direction in which the means of both variants' past embeddings
 * differ: the witness is learnt from the past alone, so each score is fixed before the arm of its embedding is looked at, and under
 * the null the arm is independent of it.
 *
 * `u = ⟨x − (μ̂_T + μ̂_C)/2, ŵ⟩`, ŵ the unit vector along μ̂_T − μ̂_C; g = u / (2·running root mean square of the past u), clipped
 * to [−1, 1]. Higher scores mean "looks like the candidate's", so only the tilts towards more candidate are mixed.
 * Sources: likelihood-ratio tests with a classifier trained on the past, Pandeva, Bakker, Naesseth, Forré, arXiv 2210.13027; the linear
 * witness, Gretton et al., JMLR 13 (2012). Assumptions: the tilt's (true propensity, one embedding per unit).
 * Sees differences of the means only; MMD and the kernel e-process see others.
 *
 * State: two sums of vectors and a few numbers; O(dimension) per embedding. Parts of the traffic can be merged: each part learnt from
 * its own past, and after merging the witness is that of all parts.
 */
export interface WitnessTilt {
  readonly tilt: ScoredTilt;
  readonly control: EmbeddingMeans;
  readonly candidate: EmbeddingMeans;
  /** How many projections u there were, and the sum of their squares. */
  projections: number;
  sumOfSquares: number;
}

export function initialWitnessTilt(dimension: number): WitnessTilt {
  return {
    tilt: initialScoredTilt(),
    control: initialEmbeddingMeans(dimension),
    candidate: initialEmbeddingMeans(dimension),
    projections: 0,
    sumOfSquares: 0,
  };
}

/**
 * Folds one embedding in, in place: first its score counts, then the witness learns from it. Embeddings with a component that isn't
 * finite and assignments that weren't random are skipped. @returns whether it was used.
 */
export function observeWitness(
  state: WitnessTilt,
  arm: Arm,
  propensity: number,
  embedding: ArrayLike<number>,
): boolean {
  if (!isRandomised(propensity)) return false;
  const projection = projectionOf(state, embedding);
  if (!observeEmbedding(state[arm], embedding)) return false;
  if (projection === null) return true;
  const spread = state.projections < DIRECTION_FROM ? 0 : Math.sqrt(state.sumOfSquares / state.projections);
  if (spread > 0) {
    const score = projection / (LARGEST_SCORE_IN_SPREADS * spread);
    observeScore(state.tilt, arm, propensity, Math.min(1, Math.max(-1, score)));
  }
  state.projections += 1;
  state.sumOfSquares += projection * projection;
  return true;
}

/** ln E against "same law". 0 without embeddings, and while there is no direction. */
export function lnEWitness(state: WitnessTilt): number {
  return lnEShift(state.tilt, 'higher');
}

export function mergeWitnessTilts(a: WitnessTilt, b: WitnessTilt): WitnessTilt {
  return {
    tilt: mergeScoredTilt(a.tilt, b.tilt),
    control: mergeEmbeddingMeans(a.control, b.control),
    candidate: mergeEmbeddingMeans(a.candidate, b.candidate),
    projections: a.projections + b.projections,
    sumOfSquares: a.sumOfSquares + b.sumOfSquares,
  };
}

/** Along the witness of the past; null while there is none, or where the means are equal. */
function projectionOf({ control, candidate }: WitnessTilt, embedding: ArrayLike<number>): number | null {
  if (control.n < DIRECTION_FROM || candidate.n < DIRECTION_FROM) return null;
  let product = 0;
  let squaredNorm = 0;
  for (let i = 0; i < embedding.length; i++) {
    const ofControl = (control.sum[i] as number) / control.n;
    const ofCandidate = (candidate.sum[i] as number) / candidate.n;
    const direction = ofCandidate - ofControl;
    product += ((embedding[i] as number) - (ofControl + ofCandidate) / 2) * direction;
    squaredNorm += direction * direction;
  }
  return squaredNorm > 0 ? product / Math.sqrt(squaredNorm) : null;
}
