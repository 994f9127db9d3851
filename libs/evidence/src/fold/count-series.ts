/**
 * Counts by second (or minute), as plain JSON of a third of the size of entries: in the order of time the first second and its count, then
 * for each further one the seconds since the one before and its count.
 */
export type CountSeries = readonly number[];

export function encodeSeries(counts: ReadonlyMap<number, number>): CountSeries {
  const series: number[] = [];
  let before = 0;
  for (const [second, count] of [...counts].sort(([a], [b]) => a - b)) {
    series.push(second - before, count);
    before = second;
  }
  return series;
}

export function decodeSeries(series: CountSeries): Map<number, number> {
  const counts = new Map<number, number>();
  let second = 0;
  for (let at = 0; at < series.length; at += 2) {
    second += series[at] as number;
    counts.set(second, series[at + 1] as number);
  }
  return counts;
}

/** The oldest second (or minute) that is counted; +∞ without any. */
export function smallestKey(counts: ReadonlyMap<number, unknown>): number {
  let smallest = Infinity;
  for (const key of counts.keys()) if (key < smallest) smallest = key;
  return smallest;
}
