import { betaLowerTail, betaUpperTail } from './beta.js';
import { lnBeta } from '#libs/statistics';

/** ln of the number of ways to choose k of n; −∞ where there is none (k < 0 or k > n). */
export function lnBinomialCoefficient(n: number, k: number): number {
  if (!(Number.isInteger(n) && n >= 0 && Number.isInteger(k))) {
    throw new RangeError(`${k} of ${n}: expected integers, the second one ≥ 0`);
  }
  if (k < 0 || k > n) return -Infinity;
  // 1 / (n choose k) = (n + 1) B(k + 1, n − k + 1); the ends are exactly 0.
  return k === 0 || k === n ? 0 : -lnBeta(k + 1, n - k + 1) - Math.log1p(n);
}

/** P(X ≤ k) of the number of successes in n trials of probability p: the upper tail at p of Beta(k + 1, n − k). */
export function binomialLowerTail(k: number, n: number, p: number): number {
  checkTrials(k, n, p);
  if (k < 0) return 0;
  return k >= n ? 1 : betaUpperTail(p, k + 1, n - k);
}

/** P(X ≥ k) of the number of successes in n trials of probability p: the lower tail at p of Beta(k, n − k + 1). */
export function binomialUpperTail(k: number, n: number, p: number): number {
  checkTrials(k, n, p);
  if (k <= 0) return 1;
  return k > n ? 0 : betaLowerTail(p, k, n - k + 1);
}

function checkTrials(k: number, n: number, p: number): void {
  if (!(Number.isInteger(n) && n >= 0 && Number.isInteger(k))) {
    throw new RangeError(`${k} successes in ${n} trials: expected integers, the second one ≥ 0`);
  }
  if (!(p >= 0 && p <= 1)) throw new RangeError(`success probability ${p}: expected a number in [0, 1]`);
}
