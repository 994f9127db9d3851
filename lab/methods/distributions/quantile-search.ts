import type { LnTails } from './ln-tails.js';

/**
 * The u at which a distribution has the wanted tails, by Newton's method on the logarithm of the smaller one.
 *
 * Assumption: the density over u is log-concave; both tails are then log-concave too (Prékopa 1973). A step outwards from the
 * centre can only go too far, and every step from there comes back towards the solution without passing it: no bracket is needed,
 * and a second turn means that rounding is reached. Steps outwards are limited at first, because far outside the tail and the
 * density are too small for their ratio to be known. Quadratic convergence, usually 5 to 15 evaluations.
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
  let limit = 1;
  let isComingBack = false;
  for (let evaluation = 0; evaluation < 200; evaluation++) {
    const lnTail = tailsAt(u)[tail];
    // Seen from the tail towards the centre: positive when u lies too far out.
    const inwards = (wanted[tail] - lnTail) * Math.exp(lnTail - lnDensityAt(u));
    const next = u + direction * Math.max(inwards, -limit);
    if (next === u || (isComingBack && inwards <= 0)) return next;
    if (inwards > 0) isComingBack = true;
    else limit *= 2;
    u = next;
  }
  return u;
}
