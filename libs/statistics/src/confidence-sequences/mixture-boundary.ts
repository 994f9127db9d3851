/**
 * A mixture of e-processes for a centred sum s at intrinsic time v (its variance, known or estimated):
 * ln E(s, v) rises with s ≥ 0, and E is at most 1 on average at every v, so a sum beyond {@link mixtureBound} is seen at any time
 * at all with probability α.
 *
 * Source: Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Statist. 49(2),
 * 2021, section 3.2 (Propositions 5–10). Which mixture fits depends on the tails of the sum.
 */
export interface Mixture {
  lnE(s: number, v: number): number;
  /** The largest sum there can be at v; ∞ where there is none. */
  largest(v: number): number;
}

/** Where a boundary is tightest: at intrinsic time `at`, for error rate `alpha`. Fixed beforehand. */
export interface Tuning {
  readonly at: number;
  readonly alpha: number;
}

/** The precision of a two-sided mixture for which the bound is tightest where the tuning says; one-sided ones use 2α. */
export function mixturePrecision({ at, alpha }: Tuning): number {
  const twoLnInverse = -2 * Math.log(alpha);
  return at / (twoLnInverse + Math.log1p(twoLnInverse));
}

export function oneSidedPrecision({ at, alpha }: Tuning): number {
  return mixturePrecision({ at, alpha: 2 * alpha });
}

/** The s at which E reaches 1/α; the largest sum there is where it never does. O(60) evaluations of ln E. */
export function mixtureBound({ lnE, largest }: Mixture, v: number, alpha: number): number {
  const threshold = -Math.log(alpha);
  const most = largest(v);
  let inside = 0;
  let outside = Math.min(most, Math.sqrt(2 * threshold * v) + threshold);
  while (lnE(outside, v) < threshold) {
    if (outside >= most) return most;
    inside = outside;
    outside = Math.min(most, 2 * outside);
  }
  return crossing((s) => lnE(s, v) - threshold, inside, outside);
}

/** Where a rising function changes sign, given a point below and one above, by bisection down to neighbouring doubles. */
export function crossing(rising: (x: number) => number, below: number, above: number): number {
  let low = below;
  let high = above;
  for (;;) {
    const middle = low + (high - low) / 2;
    if (middle === low || middle === high) return middle;
    if (rising(middle) < 0) low = middle;
    else high = middle;
  }
}
