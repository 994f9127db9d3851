/**
 * Sum vector and squared norms of embeddings: enough for their mean, for how widely they spread around it, and for an
 * unbiased squared distance between the means of two sets, in memory that does not grow with the number of pictures.
 *
 * A commutative monoid for embeddings of one dimension.
 */
export interface EmbeddingMeans {
  n: number;
  readonly sum: Float64Array;
  /** Σ |x|²; equals n for unit vectors. */
  sumOfSquaredNorms: number;
}

export function initialEmbeddingMeans(dimension: number): EmbeddingMeans {
  return { n: 0, sum: new Float64Array(dimension), sumOfSquaredNorms: 0 };
}

/** Folds one embedding in, in place; one with a component that is not finite is refused. O(dimension). @returns whether it was added. */
export function observeEmbedding(state: EmbeddingMeans, embedding: ArrayLike<number>): boolean {
  if (embedding.length !== state.sum.length) {
    throw new RangeError(`embedding of ${embedding.length} numbers: expected ${state.sum.length}`);
  }
  let squaredNorm = 0;
  for (let i = 0; i < embedding.length; i++) squaredNorm += (embedding[i] as number) ** 2;
  if (!Number.isFinite(squaredNorm)) return false;
  for (let i = 0; i < embedding.length; i++) state.sum[i] = (state.sum[i] as number) + (embedding[i] as number);
  state.n += 1;
  state.sumOfSquaredNorms += squaredNorm;
  return true;
}

export function mergeEmbeddingMeans(a: EmbeddingMeans, b: EmbeddingMeans): EmbeddingMeans {
  if (a.sum.length !== b.sum.length) {
    throw new RangeError(
      `can't merge embeddings of ${a.sum.length} and ${b.sum.length} numbers: expected one dimension`,
    );
  }
  return {
    n: a.n + b.n,
    sum: a.sum.map((value, i) => value + (b.sum[i] as number)),
    sumOfSquaredNorms: a.sumOfSquaredNorms + b.sumOfSquaredNorms,
  };
}

/** The mean embedding; null without embeddings. */
export function meanEmbedding({ n, sum }: EmbeddingMeans): Float64Array | null {
  return n === 0 ? null : sum.map((value) => value / n);
}

/** Total variance, the unbiased trace of the covariance matrix, Σ |x − mean|² / (n − 1); null below two embeddings. */
export function embeddingSpread({ n, sum, sumOfSquaredNorms }: EmbeddingMeans): number | null {
  if (n < 2) return null;
  return Math.max(0, sumOfSquaredNorms - dot(sum, sum) / n) / (n - 1);
}

/** Mean cosine of two different embeddings of the set, if they are unit vectors; null below two embeddings. */
export function meanPairwiseProduct({ n, sum, sumOfSquaredNorms }: EmbeddingMeans): number | null {
  return n < 2 ? null : (dot(sum, sum) - sumOfSquaredNorms) / (n * (n - 1));
}

/**
 * Unbiased estimate of |μ_A − μ_B|², the squared distance of the two laws' means: MMD² with the linear kernel. Below 0 by
 * chance where the means agree; null below two embeddings on either side.
 */
export function squaredMeanDistance(a: EmbeddingMeans, b: EmbeddingMeans): number | null {
  const withinA = meanPairwiseProduct(a);
  const withinB = meanPairwiseProduct(b);
  if (withinA === null || withinB === null) return null;
  return withinA + withinB - 2 * (dot(a.sum, b.sum) / (a.n * b.n));
}

function dot(a: Float64Array, b: Float64Array): number {
  if (a.length !== b.length)
    throw new RangeError(`embeddings of ${a.length} and ${b.length} numbers: expected one dimension`);
  let product = 0;
  for (let i = 0; i < a.length; i++) product += (a[i] as number) * (b[i] as number);
  return product;
}
