import { erfc, erfcInverse, expMinusSquare, scaledErfc } from './error-function.js';

/** Beyond it the density is below the smallest double. */
const UNDERFLOW = 40;

/** P(Z ≤ z) of a standard normal Z, to 1e-14 relative in either tail. */
export function normalLowerTail(z: number): number {
  return normalUpperTail(-z);
}

/** P(Z ≥ z) of a standard normal Z, to 1e-14 relative in either tail. */
export function normalUpperTail(z: number): number {
  const x = z * Math.SQRT1_2;
  if (!(x > 1) || z > UNDERFLOW) return erfc(x) / 2;
  // The exponent is taken from z itself: z / √2 is rounded, and its square would carry that error into the tail.
  return (scaledErfc(x) * expMinusSquare(z, 0.5)) / 2;
}

/** ln P(Z ≥ z) of a standard normal Z: finite for |z| < 1e154, long after the tail itself has become 0. */
export function lnNormalUpperTail(z: number): number {
  if (z <= 0) return Math.log1p(-normalUpperTail(-z));
  return Math.log(scaledErfc(z * Math.SQRT1_2) / 2) - (z * z) / 2;
}

/** The z with P(Z ≤ z) = p, p in [0, 1]; ∓∞ at the ends. To 1e-15 relative, also for the smallest p. */
export function normalQuantile(p: number): number {
  return -normalUpperQuantile(p);
}

/** The z with P(Z ≥ z) = p, p in [0, 1]; ±∞ at the ends. For p next to 0 it keeps the digits that 1 − p would lose. */
export function normalUpperQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`normal quantile of ${p}: expected a probability`);
  return Math.SQRT2 * erfcInverse(2 * p);
}
