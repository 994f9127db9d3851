import { dimensionOf, dotProduct, type Embedding, unitVectors } from './embedding.js';
import { symmetricEigenvalues } from './symmetric-eigenvalues.js';

/**
 * Vendi score: how many entirely different pictures a sample is worth. exp of the entropy of the eigenvalues of K/n, K the matrix
 * of cosines; 1 when all point the same way, n when all are orthogonal. It grows with n, so compare equal sizes only, see
 * {@link compareDiversity}. Null for an empty sample or a zero vector.
 *
 * Source: Friedman & Dieng, The Vendi Score, TMLR 2023 (arXiv 2210.02410), definition 3.1. K = XXᵀ has the non-zero eigenvalues of
 * XᵀX, so the smaller of the two is taken: O(n·d·min(n, d) + min(n, d)³).
 */
export function vendiScore(sample: readonly Embedding[]): number | null {
  const dimension = dimensionOf(sample);
  const units = unitVectors(sample);
  if (units === null || units.length === 0) return null;
  const vectors = units.length <= dimension ? units : transposed(units, dimension);
  const gram = vectors.map((row, i) =>
    Float64Array.from(vectors, (other, j) => (j <= i ? dotProduct(row, other) / units.length : 0)),
  );
  let entropy = 0;
  for (const eigenvalue of symmetricEigenvalues(gram)) {
    // Rounding leaves some of those that are 0 slightly negative.
    if (eigenvalue > 0) entropy -= eigenvalue * Math.log(eigenvalue);
  }
  return Math.exp(entropy);
}

/** Mean cosine of two different embeddings of a sample; null for fewer than two, or a zero vector. O(n·d). */
export function meanPairwiseCosine(sample: readonly Embedding[]): number | null {
  const dimension = dimensionOf(sample);
  const units = unitVectors(sample);
  const n = sample.length;
  if (units === null || n < 2) return null;
  const total = new Float64Array(dimension);
  for (const unit of units) for (let k = 0; k < dimension; k++) total[k] = (total[k] as number) + (unit[k] as number);
  return (dotProduct(total, total) - n) / (n * (n - 1));
}

export interface DiversityComparison {
  /** Embeddings of each variant that were looked at. */
  readonly n: number;
  readonly vendi: { readonly control: number; readonly candidate: number } | null;
  readonly meanCosine: { readonly control: number; readonly candidate: number } | null;
  readonly missing: 'not-enough-data' | 'zero-vector' | null;
}

/**
 * Diversity of two variants at equal n: the first min(n, m) embeddings of each, or fewer if `most` says so. Hand in samples whose
 * beginning is a random part of them; a reservoir's is. Costs as {@link vendiScore}.
 */
export function compareDiversity(
  control: readonly Embedding[],
  candidate: readonly Embedding[],
  most = Infinity,
): DiversityComparison {
  dimensionOf(control, candidate);
  const n = Math.min(control.length, candidate.length, most);
  if (n < 2) return { n, vendi: null, meanCosine: null, missing: 'not-enough-data' };
  const [ofControl, ofCandidate] = [control.slice(0, n), candidate.slice(0, n)];
  const vendi = bothOf(vendiScore(ofControl), vendiScore(ofCandidate));
  const meanCosine = bothOf(meanPairwiseCosine(ofControl), meanPairwiseCosine(ofCandidate));
  return { n, vendi, meanCosine, missing: vendi === null || meanCosine === null ? 'zero-vector' : null };
}

function bothOf(control: number | null, candidate: number | null) {
  return control === null || candidate === null ? null : { control, candidate };
}

function transposed(rows: readonly Float64Array[], dimension: number): readonly Float64Array[] {
  return Array.from({ length: dimension }, (_, k) => Float64Array.from(rows, (row) => row[k] as number));
}
