/** Relative width of a bucket: a quantile is known to ± 0.5 %. */
const GROWTH = 1.01;
const LN_GROWTH = Math.log(GROWTH);
/** Values closer to zero than this are zero. */
const SMALLEST = 1e-9;

/**
 * A double read as its exponent and the leading bits of its mantissa, and where the cells of such mantissas begin, in
 * buckets: a logarithm per value would be half of the cost of adding it.
 */
const CELL_BITS = 11;
const BUCKETS_PER_OCTAVE = Math.LN2 / LN_GROWTH;
const CELL_EDGES = Float64Array.from(
  { length: 2 ** CELL_BITS + 1 },
  (_, cell) => Math.log1p(cell / 2 ** CELL_BITS) / LN_GROWTH,
);
/** Far above the rounding of an index (a few 1e-12), far below a cell (.02 to .05 of a bucket). */
const DOUBT = 1e-9;
const DOUBLE = new Float64Array(1);
const WORDS = new Uint32Array(DOUBLE.buffer);
/** 1 on little-endian machines: where the sign and exponent of 1 lie. */
const HIGH_WORD = (DOUBLE.fill(1), WORDS[1] === 0 ? 0 : 1);

/** The relative error of a value read from a sketch. */
export const SKETCH_RELATIVE_ERROR = (GROWTH - 1) / (GROWTH + 1);

/**
 * Mergeable histogram with geometric buckets: any quantile of any sign, to ± 0.5 % of its value, in memory that grows with
 * the logarithm of the range only. +∞ is a value like others (a request that never ended).
 *
 * Memory: one map entry per occupied bucket, at most ⌈ln(largest/smallest) / ln 1.01⌉ of them: 926 over four decades
 * (latencies from 10 ms to 100 s), however many values are added.
 *
 * Source: Masson, Rim, Lee, DDSketch, PVLDB 12(12), 2019. Counts are integers, so merging is exact, in any order.
 */
export interface QuantileSketch {
  n: number;
  infinite: number;
  zero: number;
  /** Bucket index → count; the index of x > 0 is ⌈ln x / ln growth⌉. */
  readonly positive: Map<number, number>;
  readonly negative: Map<number, number>;
}

export function initialSketch(): QuantileSketch {
  return { n: 0, infinite: 0, zero: 0, positive: new Map(), negative: new Map() };
}

/** Adds one value in place; NaN and −∞ are refused. O(1), one table look-up and one map entry. @returns whether it was added. */
export function addToSketch(sketch: QuantileSketch, value: number): boolean {
  if (Number.isNaN(value) || value === -Infinity) return false;
  sketch.n += 1;
  if (value === Infinity) sketch.infinite += 1;
  else if (Math.abs(value) < SMALLEST) sketch.zero += 1;
  else if (value > 0) increment(sketch.positive, bucketOf(value));
  else increment(sketch.negative, bucketOf(-value));
  return true;
}

export function mergeSketches(a: QuantileSketch, b: QuantileSketch): QuantileSketch {
  return {
    n: a.n + b.n,
    infinite: a.infinite + b.infinite,
    zero: a.zero + b.zero,
    positive: mergeBuckets(a.positive, b.positive),
    negative: mergeBuckets(a.negative, b.negative),
  };
}

/**
 * The value of rank `rank` (1 = smallest), to the sketch's relative error. O(buckets · log buckets).
 * Rank below 1 gives −∞, above n gives +∞: ends of an interval that are not known.
 */
export function valueAtRank(sketch: QuantileSketch, rank: number): number {
  if (rank < 1) return -Infinity;
  if (rank > sketch.n - sketch.infinite) return Infinity;
  let seen = 0;
  const { negative, zero, positive } = sketch;
  const below = ascending(negative);
  for (let k = below.length - 1; k >= 0; k--) {
    seen += negative.get(below[k] as number) as number;
    if (rank <= seen) return -middleOf(below[k] as number);
  }
  seen += zero;
  if (rank <= seen) return 0;
  for (const bucket of ascending(positive)) {
    seen += positive.get(bucket) as number;
    if (rank <= seen) return middleOf(bucket);
  }
  return Infinity;
}

/** Numbers of the occupied buckets; a typed array is sorted several times as fast as entries are. */
function ascending(buckets: ReadonlyMap<number, number>): Float64Array {
  const sorted = new Float64Array(buckets.size);
  let k = 0;
  for (const bucket of buckets.keys()) sorted[k++] = bucket;
  return sorted.sort();
}

/** The occupied buckets in rising order, each as the value that stands for it, ∞ last. O(buckets · log buckets). */
export function bucketsInOrder(sketch: QuantileSketch): { readonly value: number; readonly count: number }[] {
  const { negative, zero, positive, infinite } = sketch;
  const inOrder: { value: number; count: number }[] = [];
  for (const bucket of ascending(negative).reverse())
    inOrder.push({ value: -middleOf(bucket), count: negative.get(bucket) as number });
  if (zero > 0) inOrder.push({ value: 0, count: zero });
  for (const bucket of ascending(positive))
    inOrder.push({ value: middleOf(bucket), count: positive.get(bucket) as number });
  if (infinite > 0) inOrder.push({ value: Infinity, count: infinite });
  return inOrder;
}

/** So much further out than its edge is looked, so that rounding leaves no value of a bucket beyond it. */
const ROUNDING = 1e-12;

/** The edge of a bucket beyond which none of its values lie, above or below; of the value that stands for it. */
export function edgeOfBucket(value: number, side: 'above' | 'below'): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const away = (value * (GROWTH + 1)) / 2;
  return value > 0 === (side === 'above') ? away * (1 + ROUNDING) : (away / GROWTH) * (1 - ROUNDING);
}

/** A sketch's occupied buckets in rising order, each as the value that stands for it, and how many values lie up to each. */
export interface ValuesInOrder {
  readonly values: Float64Array;
  readonly upTo: Float64Array;
}

/** {@link bucketsInOrder} for whoever looks up many ranks: without an object per bucket. O(buckets · log buckets). */
export function valuesInOrder({ negative, zero, positive, infinite }: QuantileSketch): ValuesInOrder {
  const size = negative.size + Number(zero > 0) + positive.size + Number(infinite > 0);
  const values = new Float64Array(size);
  const upTo = new Float64Array(size);
  let at = 0;
  let seen = 0;
  const below = ascending(negative);
  for (let k = below.length - 1; k >= 0; k--)
    add(-middleOf(below[k] as number), negative.get(below[k] as number) as number);
  if (zero > 0) add(0, zero);
  for (const bucket of ascending(positive)) add(middleOf(bucket), positive.get(bucket) as number);
  if (infinite > 0) add(Infinity, infinite);
  return { values, upTo };

  function add(value: number, count: number): void {
    seen += count;
    values[at] = value;
    upTo[at] = seen;
    at += 1;
  }
}

/** The p-quantile (the value of rank ⌈pn⌉); null without values. */
export function quantile(sketch: QuantileSketch, p: number): number | null {
  if (sketch.n === 0) return null;
  return valueAtRank(sketch, Math.max(1, Math.ceil(p * sketch.n)));
}

/** ⌈ln x / ln growth⌉ for x ≥ SMALLEST: by the table where it leaves no doubt (19 of 20 values), else by the logarithm. */
function bucketOf(magnitude: number): number {
  DOUBLE[0] = magnitude;
  const high = WORDS[HIGH_WORD] as number;
  const cell = (high & 0xfffff) >>> (20 - CELL_BITS);
  const octaves = ((high >>> 20) - 1023) * BUCKETS_PER_OCTAVE;
  const lowest = Math.ceil((CELL_EDGES[cell] as number) + octaves - DOUBT);
  const highest = Math.ceil((CELL_EDGES[cell + 1] as number) + octaves + DOUBT);
  return lowest === highest ? lowest : Math.ceil(Math.log(magnitude) / LN_GROWTH);
}

/** The value within a bucket whose relative error is smallest at both of its ends. */
function middleOf(bucket: number): number {
  const place = bucket + KNOWN_MIDDLES / 2;
  const known = middles[place];
  if (known === undefined) return (2 * GROWTH ** bucket) / (GROWTH + 1);
  if (known > 0) return known;
  return (middles[place] = (2 * GROWTH ** bucket) / (GROWTH + 1));
}

/** A limit is read from hundreds of buckets at a time: the middles of those from 1e-9 to 1e17 are computed once; 0: not yet. */
const KNOWN_MIDDLES = 8_192;
const middles = new Float64Array(KNOWN_MIDDLES);

function increment(buckets: Map<number, number>, bucket: number): void {
  buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
}

function mergeBuckets(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): Map<number, number> {
  const merged = new Map(a);
  for (const [bucket, count] of b) merged.set(bucket, (merged.get(bucket) ?? 0) + count);
  return merged;
}
