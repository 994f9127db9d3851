/** Batch sizes that are ever sent to a graph: few of them, so that memory plans and compiled shapes are reused. */
export const BATCH_SIZES = [64, 16, 4, 1] as const;

/** Padding up to the next size is cheaper than splitting when it adds at most this share. */
const LARGEST_PADDING = 0.25;

export interface Batch {
  readonly from: number;
  /** Items of the batch, at most `size`. */
  readonly count: number;
  readonly size: (typeof BATCH_SIZES)[number];
}

/** Cuts `count` items into batches of the known sizes, the last ones padded only where that wastes little. */
export function cutIntoBatches(count: number): readonly Batch[] {
  const batches: Batch[] = [];
  for (let from = 0; from < count;) {
    const rest = count - from;
    const padded = BATCH_SIZES.findLast((size) => size >= rest && size - rest <= size * LARGEST_PADDING);
    const size = padded ?? BATCH_SIZES.find((candidate) => candidate <= rest)!;
    batches.push({ from, count: Math.min(size, rest), size });
    from += size;
  }
  return batches;
}
