import type { LnTails } from './ln-tails.js';

/**
 * The u at which a distribution has the wanted tails, by Newton's method on the logarithm of the smaller one.
 *
 * Assumption: the density over u is log-concave; both tails are then log-concave too (Prékopa 1973), so that after one step all
 * further steps go in one direction towards the solution: no bracket is needed, and a step back means that rounding is reached.
 * Quadratic convergence, usually 5 to 15 evaluations.
 *
 * @param start near the median.
 */
export function logConcaveQuantile(
  wanted: LnTails,
  start: number,
  tailsAt: (u: number) => LnTails,
  lnDensityAt: (u: number) => number,
): number {
  const [tail, direction] = wanted.lnLower < wanted.lnUpper ? (['lnLower', 1] as const) : (['lnUpper', -1] as const);
  let u = start;
  for (let evaluation = 1; evaluation < 200; evaluation++) {
    const lnTail = tailsAt(u)[tail];
    // Seen from the tail towards the centre: positive when u lies too far out.
    const inwards = (wanted[tail] - lnTail) * Math.exp(lnTail - lnDensityAt(u));
    if (evaluation > 2 && inwards <= 0) return u;
    const next = u + direction * inwards;
    if (next === u) return u;
    u = next;
  }
  return u;
}
