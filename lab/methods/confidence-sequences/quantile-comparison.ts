import { betaBinomialMixture, bucketsInOrder, type QuantileSketch } from '#libs/statistics';

/** Sample size per arm at which the test is most powerful, and the error rate it is tuned for; fixed beforehand. */
const TUNING = { at: 5_000, alpha: 0.05 };

/** How often each distinct value occurred, in rising order. */
export type ValueCounts = readonly { readonly value: number; readonly count: number }[];

/**
 * ln E against "both arms have the same p-quantile", looked at as often as one likes: the product of two e-processes, one per arm,
 * against the common quantile that is least in favour of a difference. `anytimeP` turns it into a p-value.
 *
 * Source: Howard & Ramdas, Bernoulli 28(3), 2022, Theorem 5, with the two-sided beta-binomial mixture. Assumptions: the values of an
 * arm are drawn independently from one law; nothing about the laws' shapes. It needs no propensity, but under drift over a ramp the
 * arms' laws differ without any effect: there the tilt on exceedances decides.
 *
 * @returns 0 with an arm without values. O(distinct values) evaluations of ln B.
 */
export function lnEQuantilesDiffer(
  a: ValueCounts,
  b: ValueCounts,
  p: number,
  tuning: { readonly at: number; readonly alpha: number } = TUNING,
): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`quantile ${p}: expected a number between 0 and 1`);
  if (a.length === 0 || b.length === 0) return 0;
  const armA = lnEOfArm(a, p, tuning);
  const armB = lnEOfArm(b, p, tuning);
  let least = Infinity;
  let belowA = 0;
  let belowB = 0;
  let i = 0;
  let j = 0;
  // The e-processes change at values only, and each value's range of counts touches those beside it.
  while (i < a.length || j < b.length) {
    const value = Math.min(a[i]?.value ?? Infinity, b[j]?.value ?? Infinity);
    const atA = a[i]?.value === value ? (a[i++] as { count: number }).count : 0;
    const atB = b[j]?.value === value ? (b[j++] as { count: number }).count : 0;
    least = Math.min(least, armA(belowA, belowA + atA) + armB(belowB, belowB + atB));
    belowA += atA;
    belowB += atB;
  }
  return least;
}

/**
 * The same of two sketches. Equal quantiles lie in the same bucket, so rounding to buckets keeps the test valid; differences of
 * less than a bucket (1 %) go unseen. O(buckets).
 */
export function lnESketchQuantilesDiffer(
  a: QuantileSketch,
  b: QuantileSketch,
  p: number,
  tuning?: { readonly at: number; readonly alpha: number },
): number {
  return lnEQuantilesDiffer(bucketsInOrder(a), bucketsInOrder(b), p, tuning);
}

/** Counts of the distinct values of a list. NaN is left out. O(n log n). */
export function valueCounts(values: Iterable<number>): ValueCounts {
  const counts: { value: number; count: number }[] = [];
  for (const value of [...values].filter((x) => !Number.isNaN(x)).sort((x, y) => x - y)) {
    const last = counts.at(-1);
    if (last?.value === value) last.count += 1;
    else counts.push({ value, count: 1 });
  }
  return counts;
}

/**
 * One arm's ln E against "the quantile is x", given how many values are below x and how many are at most x. With ties at x the number
 * of "values below the quantile" may be any number between the two: the one with the least evidence is taken.
 */
function lnEOfArm(counts: ValueCounts, p: number, { at, alpha }: { at: number; alpha: number }) {
  const n = counts.reduce((sum, { count }) => sum + count, 0);
  const variance = p * (1 - p);
  const mixture = betaBinomialMixture(p, 1 - p, { at: at * variance, alpha });
  // Where ln E is least; 0 but for half a value.
  const least = (1 - 2 * p) / 2;
  return (below: number, atMost: number): number =>
    mixture.lnE(Math.min(atMost - n * p, Math.max(below - n * p, least)), n * variance);
}
