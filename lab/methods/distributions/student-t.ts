import { betaLnOddsQuantile, lnBetaTails, pointFromOdds } from './beta.js';
import { normalUpperQuantile, normalUpperTail } from '#libs/statistics';

/** From so many degrees of freedom on t and normal tails differ by t⁴/(4 df) < 1e-14 relative wherever they are not 0. */
const NORMAL_FROM = 1e20;

/** P(T ≤ t) of Student's t with df > 0 degrees of freedom, not necessarily an integer; df = ∞ is the normal law. */
export function studentTLowerTail(t: number, df: number): number {
  return studentTUpperTail(-t, df);
}

/**
 * P(T ≥ t) of Student's t with df > 0 degrees of freedom: ½ I_{df/(df + t²)}(df/2, ½) for t ≥ 0 (Abramowitz & Stegun 26.7.1), so
 * that small tails are computed directly. To 1e-12 relative.
 */
export function studentTUpperTail(t: number, df: number): number {
  checkDf(df);
  if (Number.isNaN(t)) throw new RangeError(`Student t tail at ${t}: expected a number`);
  if (df >= NORMAL_FROM) return normalUpperTail(t);
  // t²/(df + t²) is a beta variable with parameters ½ and df/2, its odds are t²/df.
  const size = Math.abs(t);
  const point = pointFromOdds((size / df) * size, 2 * Math.log(size) - Math.log(df));
  const outside = Math.exp(lnBetaTails(point, 0.5, df / 2).lnUpper) / 2;
  return t < 0 ? 1 - outside : outside;
}

/** The t with P(T ≤ t) = p; ∓∞ at p = 0 and 1. */
export function studentTQuantile(p: number, df: number): number {
  return -studentTUpperQuantile(p, df);
}

/** The t with P(T ≥ t) = p; ±∞ at p = 0 and 1. For p next to 0 it keeps the digits that 1 − p would lose. To 1e-12 relative. */
export function studentTUpperQuantile(p: number, df: number): number {
  checkDf(df);
  if (!(p >= 0 && p <= 1)) throw new RangeError(`Student t quantile of ${p}: expected a probability`);
  if (df >= NORMAL_FROM) return normalUpperQuantile(p);
  if (p > 0.5) return -studentTUpperQuantile(1 - p, df);
  if (p === 0.5) return 0;
  if (p === 0) return Infinity;
  const lnOdds = betaLnOddsQuantile({ lnLower: Math.log1p(-2 * p), lnUpper: Math.log(2 * p) }, 0.5, df / 2);
  return Math.exp((lnOdds + Math.log(df)) / 2);
}

function checkDf(df: number): void {
  if (!(df > 0)) throw new RangeError(`${df} degrees of freedom: expected a positive number`);
}
