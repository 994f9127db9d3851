/**
 * Count, mean and spread of values, kept so that neither a large offset nor many values cost precision (the variance of
 * latencies in nanoseconds since an epoch is right to all its digits).
 *
 * Source: Welford, Technometrics 4(3), 1962 (one value at a time); Chan, Golub, LeVeque, Am. Statistician 37(3), 1983, eq. 1.5
 * (merging). A commutative monoid: {@link initialMoments} changes nothing, merging is commutative exactly and associative up to
 * rounding.
 */
export interface Moments {
  n: number;
  mean: number;
  /** Σ (x − mean)². */
  sumOfSquaredDeviations: number;
}

export function initialMoments(): Moments {
  return { n: 0, mean: 0, sumOfSquaredDeviations: 0 };
}

/** Folds one value in, in place; values that are not finite are refused. @returns whether it was added. */
export function observeMoments(state: Moments, value: number): boolean {
  if (!Number.isFinite(value)) return false;
  const fromOldMean = value - state.mean;
  state.n += 1;
  state.mean += fromOldMean / state.n;
  state.sumOfSquaredDeviations += fromOldMean * (value - state.mean);
  return true;
}

export function momentsOf(values: Iterable<number>): Moments {
  const state = initialMoments();
  for (const value of values) observeMoments(state, value);
  return state;
}

export function mergeMoments(a: Moments, b: Moments): Moments {
  if (a.n === 0) return { ...b };
  if (b.n === 0) return { ...a };
  const n = a.n + b.n;
  const apart = b.mean - a.mean;
  return {
    n,
    mean: pooledMean(a.n, a.mean, b.n, b.mean),
    sumOfSquaredDeviations: a.sumOfSquaredDeviations + b.sumOfSquaredDeviations + apart * apart * ((a.n * b.n) / n),
  };
}

/** The mean of two disjoint parts; the same to the last bit whichever is named first. */
export function pooledMean(nA: number, meanA: number, nB: number, meanB: number): number {
  return (nA * meanA + nB * meanB) / (nA + nB);
}

/** Unbiased variance of the values; null below two values. */
export function varianceOf({ n, sumOfSquaredDeviations }: Moments): number | null {
  return n < 2 ? null : sumOfSquaredDeviations / (n - 1);
}

/** Standard error of the mean of independent values; null below two values. */
export function standardErrorOf(state: Moments): number | null {
  const variance = varianceOf(state);
  return variance === null ? null : Math.sqrt(variance / state.n);
}
