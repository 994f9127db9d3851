/**
 * What control's first units say: its mean, which makes relative margins absolute, and its spread, which bounds the values.
 * Once `fixed` it never changes: bounds and margins that moved with the data would be another test.
 */
export interface Baseline {
  readonly n: number;
  readonly sum: number;
  readonly sumOfSquares: number;
  readonly fixed: { readonly mean: number; readonly spread: number; readonly parts: number } | null;
}

export function initialBaseline(): Baseline {
  return { n: 0, sum: 0, sumOfSquares: 0, fixed: null };
}

/** Adds a control unit's value; the one that completes `units` fixes the baseline. Values that are not finite don't count. */
export function observeBaseline(baseline: Baseline, value: number, units: number): Baseline {
  if (!Number.isFinite(value)) return baseline;
  const n = baseline.n + 1;
  const sum = baseline.sum + value;
  const sumOfSquares = baseline.sumOfSquares + value * value;
  if (n < units) return { n, sum, sumOfSquares, fixed: null };
  const mean = sum / n;
  const spread = Math.sqrt(Math.max(0, (sumOfSquares - n * mean * mean) / (n - 1)));
  return { n, sum, sumOfSquares, fixed: { mean, spread, parts: 1 } };
}

/**
 * Every partition fixes its own baseline from its own first units, so that its fold depends on nothing but its part of
 * the log. Their means differ by sampling error, and the margins with them; shown is the average over the partitions.
 */
export function mergeBaselines(a: Baseline, b: Baseline): Baseline {
  const sums = { n: a.n + b.n, sum: a.sum + b.sum, sumOfSquares: a.sumOfSquares + b.sumOfSquares };
  if (a.fixed === null || b.fixed === null) return { ...sums, fixed: a.fixed ?? b.fixed };
  const parts = a.fixed.parts + b.fixed.parts;
  const average = (x: number, y: number): number => (x * (a.fixed?.parts ?? 0) + y * (b.fixed?.parts ?? 0)) / parts;
  return {
    ...sums,
    fixed: { mean: average(a.fixed.mean, b.fixed.mean), spread: average(a.fixed.spread, b.fixed.spread), parts },
  };
}

export function baselineOf(baseline: Baseline): NonNullable<Baseline['fixed']> | null {
  return baseline.fixed;
}
