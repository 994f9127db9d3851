import { addToSketch, initialSketch, type QuantileSketch } from '#libs/statistics';

/** Share of a sketch's values that are below `value`, those in the same bucket half. O(buckets). The sketch must not be empty. */
export function midrankShare(sketch: QuantileSketch, value: number): number {
  const own = initialSketch();
  addToSketch(own, value);
  let below = 0;
  let equal = 0;
  if (own.infinite > 0) {
    below = sketch.n - sketch.infinite;
    equal = sketch.infinite;
  } else if (own.zero > 0) {
    below = total(sketch.negative);
    equal = sketch.zero;
  } else if (own.positive.size > 0) {
    const [bucket] = own.positive.keys() as IterableIterator<number>;
    below = total(sketch.negative) + sketch.zero;
    for (const [other, count] of sketch.positive) if (other < (bucket as number)) below += count;
    equal = sketch.positive.get(bucket as number) ?? 0;
  } else {
    const [bucket] = own.negative.keys() as IterableIterator<number>;
    for (const [other, count] of sketch.negative) if (other > (bucket as number)) below += count;
    equal = sketch.negative.get(bucket as number) ?? 0;
  }
  return (below + equal / 2) / sketch.n;
}

/**
 * P(a value of the second sketch is larger than one of the first), those in the same bucket half: the Mann–Whitney statistic.
 * Null when one of them is empty. O(buckets · log buckets).
 */
export function probabilityHigher(first: QuantileSketch, second: QuantileSketch): number | null {
  if (first.n === 0 || second.n === 0) return null;
  const cells = new Map<number, [number, number]>();
  countCells(first, cells, 0);
  countCells(second, cells, 1);
  let belowFirst = 0;
  let wins = 0;
  for (const key of [...cells.keys()].sort((a, b) => a - b)) {
    const [ofFirst, ofSecond] = cells.get(key) as [number, number];
    wins += ofSecond * (belowFirst + ofFirst / 2);
    belowFirst += ofFirst;
  }
  return wins / (first.n * second.n);
}

/** Buckets under a number that rises with their values. */
function countCells(sketch: QuantileSketch, cells: Map<number, [number, number]>, side: 0 | 1): void {
  const add = (key: number, count: number): void => {
    if (count === 0) return;
    const cell = cells.get(key) ?? [0, 0];
    cell[side] += count;
    cells.set(key, cell);
  };
  for (const [bucket, count] of sketch.negative) add(-Math.exp(bucket / 100), count);
  add(0, sketch.zero);
  for (const [bucket, count] of sketch.positive) add(Math.exp(bucket / 100), count);
  add(Infinity, sketch.infinite);
}

function total(buckets: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const count of buckets.values()) sum += count;
  return sum;
}
