import { type QuantileSketch, SKETCH_RELATIVE_ERROR, valueAtRank } from '../summaries/quantile-sketch.js';
import { betaBinomialMixture } from './beta-binomial-mixture.js';
import { mixtureBound } from './mixture-boundary.js';

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
  const { low, high } = quantileRankBounds(p, n, alpha, tightestAt);
  return { low: Math.floor(n * p - low + 1), high: Math.ceil(n * p + high) };
}

/** How far the number of values below the p-quantile may lie below (`low`) and above (`high`) np, at any n. */
export function quantileRankBounds(
  p: number,
  n: number,
  alpha: number,
  tightestAt = TIGHTEST_AT,
): { low: number; high: number } {
  const variance = p * (1 - p);
  // Tuned for the α it is read at, so that it is tightest at the same n for every α.
  const tuning = { at: variance * tightestAt, alpha };
  return {
    low: mixtureBound(betaBinomialMixture(1 - p, p, tuning), variance * n, alpha),
    high: mixtureBound(betaBinomialMixture(p, 1 - p, tuning), variance * n, alpha),
  };
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
