import { dimensionOf, type Embedding, squaredDistance } from './embedding.js';

/** The bandwidths that are averaged, as multiples of the median distance. */
export const BANDWIDTH_FACTORS: readonly number[] = [1 / 4, 1 / 2, 1, 2, 4];

/**
 * Bandwidths σ of the multi-bandwidth RBF kernel: the median distance between two embeddings of the pooled past, times
 * {1/4, 1/2, 1, 2, 4}. Fix them once, from data that is not compared afterwards: a bandwidth chosen on the compared data moves
 * with the difference it is to measure. Null for fewer than two embeddings, or when half of all pairs are equal.
 *
 * Source: median heuristic, Gretton et al., JMLR 13 (2012), §8; sums of RBF kernels over a grid of bandwidths: Li, Swersky,
 * Zemel, Generative Moment Matching Networks, ICML 2015. O(n²·d).
 */
export function bandwidthsOf(pooledPast: readonly Embedding[]): readonly number[] | null {
  dimensionOf(pooledPast);
  const squares = new Float64Array((pooledPast.length * (pooledPast.length - 1)) / 2);
  let index = 0;
  for (let i = 0; i < pooledPast.length; i++) {
    for (let j = 0; j < i; j++) {
      squares[index++] = squaredDistance(pooledPast[i] as Embedding, pooledPast[j] as Embedding);
    }
  }
  if (squares.length === 0) return null;
  squares.sort();
  const middle = squares.length >> 1;
  const upper = Math.sqrt(squares[middle] as number);
  const median = squares.length % 2 === 1 ? upper : (Math.sqrt(squares[middle - 1] as number) + upper) / 2;
  return median > 0 ? BANDWIDTH_FACTORS.map((factor) => factor * median) : null;
}

/** Sums of the kernel within and between two samples: everything that the MMD statistics need. */
export interface KernelSums {
  /** Per embedding of x: Σ k(x_i, x_j) over the others of its sample, and Σ k(x_i, y_j). */
  readonly xWithin: Float64Array;
  readonly xBetween: Float64Array;
  /** The same per embedding of y. */
  readonly yWithin: Float64Array;
  readonly yBetween: Float64Array;
}

/** `k(a, b) = mean over σ of exp(−‖a − b‖²/(2σ²))`, so k(a, a) = 1. O((n + m)²·d). */
export function kernelSums(
  x: readonly Embedding[],
  y: readonly Embedding[],
  bandwidths: readonly number[],
): KernelSums {
  dimensionOf(x, y);
  const kernel = rbfKernel(bandwidths);
  const sums = {
    xWithin: withinSums(x, kernel),
    xBetween: new Float64Array(x.length),
    yWithin: withinSums(y, kernel),
    yBetween: new Float64Array(y.length),
  };
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < y.length; j++) {
      const similarity = kernel(x[i] as Embedding, y[j] as Embedding);
      sums.xBetween[i] = (sums.xBetween[i] as number) + similarity;
      sums.yBetween[j] = (sums.yBetween[j] as number) + similarity;
    }
  }
  return sums;
}

/** The kernel as a function of two embeddings of equal length. Bandwidths have to be positive. */
export function rbfKernel(bandwidths: readonly number[]): (a: Embedding, b: Embedding) => number {
  if (bandwidths.length === 0 || !bandwidths.every((sigma) => sigma > 0 && Number.isFinite(sigma))) {
    throw new RangeError(`bandwidths [${bandwidths.join(', ')}]: expected at least one, all positive and finite`);
  }
  const rates = bandwidths.map((sigma) => -1 / (2 * sigma * sigma));
  return (a, b) => {
    const square = squaredDistance(a, b);
    let sum = 0;
    for (const rate of rates) sum += Math.exp(rate * square);
    return sum / rates.length;
  };
}

function withinSums(sample: readonly Embedding[], kernel: (a: Embedding, b: Embedding) => number): Float64Array {
  const sums = new Float64Array(sample.length);
  for (let i = 0; i < sample.length; i++) {
    for (let j = 0; j < i; j++) {
      const similarity = kernel(sample[i] as Embedding, sample[j] as Embedding);
      sums[i] = (sums[i] as number) + similarity;
      sums[j] = (sums[j] as number) + similarity;
    }
  }
  return sums;
}
