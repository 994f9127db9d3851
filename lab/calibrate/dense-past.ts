/** Buckets as wide as those of the quantile sketch of libs/statistics. */
const GROWTH = 1.01;
const LN_GROWTH = Math.log(GROWTH);
/** The index of the bucket that 1 lies in; values between e^−20 and e^20 have a bucket of their own. */
const OFFSET = 2_010;
const BUCKETS = 2 * OFFSET;

/** Values of control before there is a limit. */
const SMALLEST_PAST = 20;
const REFRESH_SHARE = 0.05;
/** Values of a generation, as libs/evidence has it. */
const GENERATION = 1_000;

/** Control's past quantile for positive values, quick to read: a simulation reads it a hundred times a run. */
export interface ReadPast {
  /** Null until there is enough of a past. */
  readonly limit: number | null;
  /** Values that the limit is read from. */
  readonly n: number;
  /** Adds a value > 0 of control; it counts from the next value on. @returns whether the limit was read anew. */
  add(value: number): boolean;
  quantile(p: number): number;
}

/**
 * Everything so far, read anew when it has grown by a twentieth. The cells of the tails' methods use it; libs/evidence lets older values
 * go (see {@link RecentDensePast}), which changes no error rate, since any function of the past may be the limit.
 */
export class DensePast implements ReadPast {
  limit: number | null = null;
  private readonly counts = new DenseCounts();
  private refreshAt = SMALLEST_PAST;

  constructor(private readonly p: number) {}

  get n(): number {
    return this.counts.n;
  }

  add(value: number): boolean {
    this.counts.add(value);
    if (this.n < this.refreshAt) return false;
    this.limit = this.quantile(this.p);
    this.refreshAt = Math.ceil(this.n * (1 + REFRESH_SHARE));
    return true;
  }

  quantile(p: number): number {
    return quantileOf(this.counts, NOTHING, p);
  }
}

/** The recent past, as the tails of libs/evidence have it: the last one to two generations of control's values, with the same limits. */
export class RecentDensePast implements ReadPast {
  limit: number | null = null;
  private recent = new DenseCounts();
  private older = NOTHING;
  private refreshIn = SMALLEST_PAST;
  private isFull = false;

  constructor(private readonly p: number) {}

  get n(): number {
    return this.recent.n + this.older.n;
  }

  add(value: number): boolean {
    if (this.isFull) {
      // A generation ends after the limit was read from it, and whatever else is read from the same past.
      this.older = this.recent;
      this.recent = new DenseCounts();
      this.isFull = false;
    }
    this.recent.add(value);
    this.refreshIn -= 1;
    if (this.refreshIn > 0) return false;
    this.limit = this.quantile(this.p);
    this.refreshIn = Math.max(1, Math.floor(this.n * REFRESH_SHARE));
    this.isFull = this.recent.n >= GENERATION;
    return true;
  }

  quantile(p: number): number {
    return quantileOf(this.recent, this.older, p);
  }
}

/** The quantile sketch of libs/statistics in one array. */
class DenseCounts {
  readonly counts = new Int32Array(BUCKETS);
  n = 0;
  lowest = BUCKETS;
  highest = 0;

  add(value: number): void {
    const bucket = Math.ceil(Math.log(value) / LN_GROWTH) + OFFSET;
    if (!(bucket >= 0 && bucket < BUCKETS)) throw new RangeError(`value ${value}: expected one between 2e-9 and 5e8`);
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.lowest = Math.min(this.lowest, bucket);
    this.highest = Math.max(this.highest, bucket);
    this.n += 1;
  }
}

const NOTHING = new DenseCounts();

/** Of both together, counted from the nearer end. */
function quantileOf(a: DenseCounts, b: DenseCounts, p: number): number {
  const n = a.n + b.n;
  const rank = Math.max(1, Math.ceil(p * n));
  const countAt = (bucket: number): number => (a.counts[bucket] as number) + (b.counts[bucket] as number);
  if (p > 0.5) {
    let above = 0;
    for (let bucket = Math.max(a.highest, b.highest); ; bucket--) {
      above += countAt(bucket);
      if (n - above < rank) return middleOf(bucket);
    }
  }
  let seen = 0;
  for (let bucket = Math.min(a.lowest, b.lowest); ; bucket++) {
    seen += countAt(bucket);
    if (seen >= rank) return middleOf(bucket);
  }
}

function middleOf(bucket: number): number {
  return (2 * GROWTH ** (bucket - OFFSET)) / (GROWTH + 1);
}
