import { unitDeviance } from './deviance.js';

/** 1/e as a sum of two doubles: next to −1/e the difference x + 1/e needs both. */
const INVERSE_E = 0.36787944117144233;
const INVERSE_E_REST = -1.2428753672788363e-17;

/**
 * The real branch W₋₁ on [−1/e, 0): the w ≤ −1 with w e^w = x. To 1e-15 relative; also next to the branch point −1/e.
 *
 * With w = −(1 + μ) the equation is μ − ln(1 + μ) = δ, δ = −1 − ln(−x). Newton's method from the upper bound √(2δ) + δ
 * (Chatzigeorgiou, IEEE Commun. Lett. 17(8), 2013, Theorem 1) comes down to the solution from one side.
 */
export function lambertWMinusOne(x: number): number {
  if (!(x >= -INVERSE_E && x < 0)) throw new RangeError(`lambertWMinusOne(${x}): expected a number in [−1/e, 0)`);
  const delta = x < -0.25 ? -Math.log1p(-aboveBranchPoint(x)) : -1 - Math.log(-x);
  let mu = Math.sqrt(2 * delta) + delta;
  for (let step = 0; step < 12 && mu > 0; step++) {
    const next = mu - ((unitDeviance(mu) - delta) * (1 + mu)) / mu;
    if (next >= mu) break;
    mu = next;
  }
  return -1 - mu;
}

/** 1 + e x */
function aboveBranchPoint(x: number): number {
  return Math.max(0, Math.E * (x + INVERSE_E + INVERSE_E_REST));
}
