import { lnBeta } from '../distributions/ln-beta.js';
import { type QuantileSketch, SKETCH_RELATIVE_ERROR, valueAtRank } from '../summaries/quantile-sketch.js';

/** Sample size at which the sequence is tightest; fixed beforehand. */
const TIGHTEST_AT = 5_000;

/**
 * Anytime-valid 1 − α interval of the p-quantile after n values, as ranks of the ordered values (1 = smallest). A lower rank
 * of 1 or less, or an upper rank of n or more, says that this end is not known yet.
 *
 * Source: Howard & Ramdas, Bernoulli 28(3), 2022, Theorem 1(a) with the two-sided beta-binomial mixture, which bounds both sides at
 * once (Howard, Ramdas, McAuliffe, Sekhon, Ann. Statist. 49(2), 2021, Prop. 7). Assumption: values are drawn from one law.
 */
export function quantileRanks(
  p: number,
  n: number,
  alpha: number,
  tightestAt = TIGHTEST_AT,
): { low: number; high: number } {
  const low = mixtureBound(1 - p, p, n, alpha, tightestAt);
  const high = mixtureBound(p, 1 - p, n, alpha, tightestAt);
  return { low: Math.floor(n * p - low + 1), high: Math.ceil(n * p + high) };
}

/** The same read from a sketch, widened by the sketch's error. Ends that are not known yet are ± ∞. */
export function quantileInterval(sketch: QuantileSketch, p: number, alpha: number): { low: number; high: number } {
  const ranks = quantileRanks(p, sketch.n, alpha);
  // The extreme ranks also come out where no bound is known yet: the smallest and the largest value bound nothing.
  const low = ranks.low <= 1 ? -Infinity : valueAtRank(sketch, ranks.low);
  const high = ranks.high >= sketch.n ? Infinity : valueAtRank(sketch, ranks.high);
  return {
    low: low - Math.abs(low) * SKETCH_RELATIVE_ERROR,
    high: high + Math.abs(high) * SKETCH_RELATIVE_ERROR,
  };
}

/**
 * The deviation s of a sum of n centred Bernoulli(g) values beyond which the two-sided beta-binomial mixture reaches 1/α;
 * at most h·n, the largest deviation there is.
 */
function mixtureBound(g: number, h: number, n: number, alpha: number, tightestAt: number): number {
  const largest = h * n;
  const precision = mixturePrecision(g, h, alpha, tightestAt);
  const prior = lnBeta(precision / g, precision / h);
  const lnMixture = (s: number): number => {
    const successes = g * n + s;
    const failures = n - successes;
    return (
      lnBeta(precision / g + failures, precision / h + successes) -
      prior -
      successes * Math.log(g) -
      failures * Math.log(h)
    );
  };
  const threshold = -Math.log(alpha);
  if (lnMixture(largest) < threshold) return largest;
  let inside = 0;
  let outside = largest;
  for (let step = 0; step < 60; step++) {
    const middle = (inside + outside) / 2;
    if (lnMixture(middle) < threshold) inside = middle;
    else outside = middle;
  }
  return (inside + outside) / 2;
}

/** The mixture's precision for which the bound is tightest after `tightestAt` values. */
function mixturePrecision(g: number, h: number, alpha: number, tightestAt: number): number {
  const lnInverse = -2 * Math.log(alpha);
  return Math.max((g * h * tightestAt) / (lnInverse + Math.log(1 + lnInverse)) - g * h, 1e-3 * g * h);
}
