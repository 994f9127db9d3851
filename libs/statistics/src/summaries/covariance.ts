import { pooledMean } from './moments.js';

/**
 * Means, spreads and covariance of pairs (x, y), one pair per unit: what regression adjustment (x a covariate of the time
 * before the experiment) and ratios (x the numerator, y the denominator of a unit) are computed from.
 *
 * Source: Welford 1962 and Chan, Golub, LeVeque 1983, for two variables. A commutative monoid, exactly commutative and
 * associative up to rounding.
 */
export interface Covariance {
  n: number;
  meanX: number;
  meanY: number;
  /** Σ (x − mean x)². */
  sumXX: number;
  /** Σ (y − mean y)². */
  sumYY: number;
  /** Σ (x − mean x)(y − mean y). */
  sumXY: number;
}

export function initialCovariance(): Covariance {
  return { n: 0, meanX: 0, meanY: 0, sumXX: 0, sumYY: 0, sumXY: 0 };
}

/** Folds one pair in, in place; a pair with a number that is not finite is refused. @returns whether it was added. */
export function observePair(state: Covariance, x: number, y: number): boolean {
  if (!Number.isFinite(x) || !Number.isFinite(y)) return false;
  const dx = x - state.meanX;
  const dy = y - state.meanY;
  state.n += 1;
  state.meanX += dx / state.n;
  state.meanY += dy / state.n;
  state.sumXX += dx * (x - state.meanX);
  state.sumYY += dy * (y - state.meanY);
  state.sumXY += dx * (y - state.meanY);
  return true;
}

export function mergeCovariances(a: Covariance, b: Covariance): Covariance {
  if (a.n === 0) return { ...b };
  if (b.n === 0) return { ...a };
  const n = a.n + b.n;
  const dx = b.meanX - a.meanX;
  const dy = b.meanY - a.meanY;
  const weight = (a.n * b.n) / n;
  return {
    n,
    meanX: pooledMean(a.n, a.meanX, b.n, b.meanX),
    meanY: pooledMean(a.n, a.meanY, b.n, b.meanY),
    sumXX: a.sumXX + b.sumXX + dx * dx * weight,
    sumYY: a.sumYY + b.sumYY + dy * dy * weight,
    sumXY: a.sumXY + b.sumXY + dx * dy * weight,
  };
}

/** Unbiased variances and covariance; null below two pairs. */
export function covarianceMatrix(state: Covariance): { xx: number; yy: number; xy: number } | null {
  if (state.n < 2) return null;
  const degrees = state.n - 1;
  return { xx: state.sumXX / degrees, yy: state.sumYY / degrees, xy: state.sumXY / degrees };
}
