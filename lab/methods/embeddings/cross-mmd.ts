import { dimensionOf, type Embedding, rbfKernel } from '#libs/statistics';

/** A half with fewer embeddings has no variance to studentise by. */
const SMALLEST_HALF = 2;

export interface CrossMmd {
  /** Inner product of the two halves' differences of mean embeddings: unbiased for MMD². */
  readonly mmd2: number | null;
  /** Studentised: standard normal when the laws are equal, large when they differ; one-sided. */
  readonly t: number | null;
  /** Why there is no t; null when there is one. */
  readonly missing: 'not-enough-data' | 'no-variance' | null;
}

/**
 * Cross-MMD: each sample is cut in two halves, `⟨μ̂_x1 − μ̂_y1, μ̂_x2 − μ̂_y2⟩` is divided by its standard error given the second
 * halves. Normal under equality without any permutations, at √2 of the standard error of the U-statistic.
 *
 * Source: Shekhar, Kim, Ramdas, A permutation-free kernel two-sample test, NeurIPS 2022, eq. 6–8 (variances with divisor n).
 * Assumptions: the order within each sample is arbitrary (it decides who is in which half), a single look. O(n·m·d).
 */
export function crossMmd(x: readonly Embedding[], y: readonly Embedding[], bandwidths: readonly number[]): CrossMmd {
  dimensionOf(x, y);
  const kernel = rbfKernel(bandwidths);
  const xHalf = x.length >> 1;
  const yHalf = y.length >> 1;
  if (xHalf < SMALLEST_HALF || yHalf < SMALLEST_HALF) return { mmd2: null, t: null, missing: 'not-enough-data' };
  const xSecond = x.slice(xHalf);
  const ySecond = y.slice(yHalf);
  const witness = (at: Embedding): number =>
    meanOf(xSecond.map((other) => kernel(at, other))) - meanOf(ySecond.map((other) => kernel(at, other)));
  const ofX = x.slice(0, xHalf).map(witness);
  const ofY = y.slice(0, yHalf).map(witness);
  const mmd2 = meanOf(ofX) - meanOf(ofY);
  const variance = varianceOf(ofX) / xHalf + varianceOf(ofY) / yHalf;
  if (!(variance > 0)) return { mmd2, t: null, missing: 'no-variance' };
  return { mmd2, t: mmd2 / Math.sqrt(variance), missing: null };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function varianceOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return meanOf(values.map((value) => (value - mean) ** 2));
}
