/** How a double-stitched boundary spends its error rate. */
export interface Stitching {
  /** The smallest n that is covered well; below it the boundary stays what it is there. */
  readonly from: number;
  /** Fineness of the grid of quantiles. */
  readonly delta?: number;
  /** How fast the share of later epochs falls; above 1. */
  readonly s?: number;
  /** Length of an epoch: each ends `eta` times later than it begins. */
  readonly eta?: number;
}

/**
 * Deviation, in units of counts, that the empirical distribution function at the p-quantile exceeds at any n and any p at all
 * with probability α: n·(F̂(Q(p)) − p) stays below it for all p in (0, 1) and all n at once. Narrower towards extreme p, which the
 * band of one radius is not.
 *
 * Source: Howard & Ramdas, Bernoulli 28(3), 2022, Theorem 3 in its general form (double stitching over time and quantiles).
 * Assumption: values are drawn independently from one law.
 */
export function doubleStitchingBound(
  p: number,
  n: number,
  alpha: number,
  { from, delta = 0.5, s = 1.4, eta = 2 }: Stitching,
): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`quantile ${p}: expected a number between 0 and 1`);
  const late = Math.max(n, from);
  const logit = Math.log(p / (1 - p));
  // Below the median the variance is taken at the upper end of the quantile's grid cell.
  const widest = p >= 0.5 ? p : Math.min(0.5, logistic(logit + 2 * delta * Math.sqrt((eta * from) / late)));
  const variance = widest * (1 - widest);
  const quantiles = 1 + (Math.sqrt(late / from) * Math.abs(logit)) / (2 * delta);
  const zeta = riemannZeta(s);
  const level =
    s * Math.log(Math.log((eta * late) / from)) +
    s * Math.log(quantiles) +
    Math.log((2 * zeta * (2 * zeta + 1)) / (alpha * Math.log(eta) ** s));
  const spread = (eta ** 0.25 + eta ** -0.25) / Math.SQRT2;
  const skew = ((1 - 2 * p) / 3) * ((Math.sqrt(eta) + 1) / 2);
  return (
    delta * Math.sqrt((eta * late * variance) / from) +
    Math.sqrt(spread * spread * variance * late * level + (skew * level) ** 2) +
    skew * level
  );
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** Σ k^−s for s > 1: twelve terms, the rest by the Euler–Maclaurin formula, to 1e-15. */
function riemannZeta(s: number): number {
  if (!(s > 1)) throw new RangeError(`exponent ${s} of a stitched boundary: expected a number above 1`);
  const first = 12;
  let sum = 0;
  for (let k = 1; k < first; k++) sum += k ** -s;
  sum += first ** (1 - s) / (s - 1) + first ** -s / 2;
  // B₂/2!, B₄/4!, …
  let derivative = s * first ** (-s - 1);
  for (const [index, coefficient] of [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160].entries()) {
    sum += coefficient * derivative;
    const order = 2 * index + 1;
    derivative *= ((s + order) * (s + order + 1)) / (first * first);
  }
  return sum;
}
