/** Buckets as wide as those of the quantile sketch of libs/statistics. */
const GROWTH = 1.01;
const LN_GROWTH = Math.log(GROWTH);
/** The index of the bucket that 1 lies in; values between e^−20 and e^20 have a bucket of their own. */
const OFFSET = 2_010;
const BUCKETS = 2 * OFFSET;

/** As the tails of libs/evidence have it: values before there is a limit, and the growth after which it is read anew. */
const SMALLEST_PAST = 20;
const REFRESH_GROWTH = 1.05;

/**
 * Control's past quantile for positive values: the quantile sketch of libs/statistics and the past quantile of libs/evidence in
 * one array, since a simulation reads it a hundred times a run. Gives the same limits (the calibration's spec compares them).
 */
export class DensePast {
  /** Null until there is enough of a past. */
  limit: number | null = null;
  private readonly counts = new Int32Array(BUCKETS);
  n = 0;
  private refreshAt = SMALLEST_PAST;
  private lowest = BUCKETS;
  private highest = 0;

  constructor(private readonly p: number) {}

  /** Adds a value > 0 of control; it counts from the next value on. @returns whether the limit was read anew. */
  add(value: number): boolean {
    const bucket = Math.ceil(Math.log(value) / LN_GROWTH) + OFFSET;
    if (!(bucket >= 0 && bucket < BUCKETS)) throw new RangeError(`value ${value}: expected one between 2e-9 and 5e8`);
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.lowest = Math.min(this.lowest, bucket);
    this.highest = Math.max(this.highest, bucket);
    this.n += 1;
    if (this.n < this.refreshAt) return false;
    this.limit = this.quantile(this.p);
    this.refreshAt = Math.ceil(this.n * REFRESH_GROWTH);
    return true;
  }

  /** Counted from the nearer end. */
  quantile(p: number): number {
    const rank = Math.max(1, Math.ceil(p * this.n));
    if (p > 0.5) {
      let above = 0;
      for (let bucket = this.highest; ; bucket--) {
        above += this.counts[bucket] as number;
        if (this.n - above < rank) return middleOf(bucket);
      }
    }
    let seen = 0;
    for (let bucket = this.lowest; ; bucket++) {
      seen += this.counts[bucket] as number;
      if (seen >= rank) return middleOf(bucket);
    }
  }
}

function middleOf(bucket: number): number {
  return (2 * GROWTH ** (bucket - OFFSET)) / (GROWTH + 1);
}
