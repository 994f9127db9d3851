import { lnBeta } from '../distributions/ln-beta.js';

/** Concentration of the Dirichlet prior around the expected split: departures of a percent are what it looks for. */
const CONCENTRATION = 10_000;

/**
 * Sample-ratio mismatch: ln E against "units were split with exactly these probabilities", given how many units each variant
 * received. Each unit counts once, at its first assignment; counts under different allocations are separate calls whose
 * results add up. Looked at as often as one likes.
 *
 * Dirichlet-multinomial mixture, `ln B(kθ + c) − ln B(kθ) − Σ c ln θ` (Lindon & Malek, NeurIPS 2022, arXiv 2011.03567).
 *
 * @param counts units per variant, integers ≥ 0.
 * @param shares expected probabilities in the same order, adding up to 1. A variant of share 0 is left out; units in it are
 *   proof of a mismatch: the result is then the largest finite number, which survives JSON where ∞ does not.
 * @returns 0 without units or with fewer than two variants that have a share.
 */
export function lnESampleRatio(
  counts: readonly number[],
  shares: readonly number[],
  concentration = CONCENTRATION,
): number {
  if (counts.length !== shares.length) {
    throw new RangeError(`${counts.length} counts but ${shares.length} shares: expected one share per count`);
  }
  if (counts.some((count, index) => count > 0 && shares[index] === 0)) return Number.MAX_VALUE;
  const drawn = shares
    .map((share, index) => ({ share, count: counts[index] as number }))
    .filter(({ share }) => share > 0);
  if (drawn.length < 2) return 0;

  // ln of a multivariate beta function as a chain of two-variable ones: each splits one variant off the rest.
  let lnE = 0;
  let prior = drawn.reduce((sum, { share }) => sum + concentration * share, 0);
  let total = drawn.reduce((sum, { count }) => sum + count, 0);
  for (const { share, count } of drawn) lnE -= count === 0 ? 0 : count * Math.log(share);
  for (const { share, count } of drawn.slice(0, -1)) {
    const own = concentration * share;
    prior -= own;
    total -= count;
    lnE += lnBeta(own + count, prior + total) - lnBeta(own, prior);
  }
  return lnE;
}
