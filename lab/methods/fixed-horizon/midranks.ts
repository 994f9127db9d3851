export interface Midranks {
  /** Rank of each value, from 1; tied values share the mean of the ranks they take up. Input order. */
  readonly ranks: Float64Array;
  /** Σ (t³ − t) over the groups of t tied values; 0 without ties. */
  readonly ties: number;
}

/** Ranks of the values, infinities included (all +∞ are tied with each other). No NaN. O(n log n). */
export function midranks(values: Float64Array): Midranks {
  const n = values.length;
  const at = (index: number): number => values[index] as number;
  // Not by difference: ∞ − ∞ is no number.
  const order = Uint32Array.from({ length: n }, (_, index) => index).sort((a, b) =>
    at(a) < at(b) ? -1 : Number(at(a) > at(b)),
  );
  const ranks = new Float64Array(n);
  let ties = 0;
  for (let from = 0; from < n;) {
    let to = from + 1;
    while (to < n && at(order[to] as number) === at(order[from] as number)) to++;
    for (let place = from; place < to; place++) ranks[order[place] as number] = (from + 1 + to) / 2;
    const tied = to - from;
    ties += tied * (tied * tied - 1);
    from = to;
  }
  return { ranks, ties };
}

/** Both samples in one array, the first sample first. */
export function pooled(x: Float64Array, y: Float64Array): Float64Array {
  const all = new Float64Array(x.length + y.length);
  all.set(x);
  all.set(y, x.length);
  return all;
}
