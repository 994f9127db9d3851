/** Where simulated runs ended. Null where too few of them ended at all for that point to be known. */
export interface SpreadOfRuns {
  readonly p10: number | null;
  readonly median: number | null;
  readonly p90: number | null;
  /** The simulation's own standard error of the median. */
  readonly standardError: number | null;
}

/** So that 0.55 · 100, a little more than 55 in doubles, is rank 55. */
const ROUNDING = 1e-9;

/** Of values that are +∞ where a run didn't end. O(n log n). */
export function spreadOfRuns(values: readonly number[]): SpreadOfRuns {
  const median = pointOfRuns(values, 0.5);
  return {
    p10: pointOfRuns(values, 0.1).at,
    median: median.at,
    p90: pointOfRuns(values, 0.9).at,
    standardError: median.standardError,
  };
}

/**
 * The p-quantile of runs and its standard error: half the distance of the order statistics one binomial standard error √(p(1 − p)/n)
 * to either side (David & Nagaraja, Order Statistics, 2003, §7.1). Null where it lies among the runs that didn't end.
 */
export function pointOfRuns(
  values: readonly number[],
  p: number,
): { readonly at: number | null; readonly standardError: number | null } {
  if (values.length === 0) return { at: null, standardError: null };
  const sorted = values.toSorted((x, y) => x - y);
  const at = (share: number): number => {
    const rank = Math.min(sorted.length, Math.max(1, Math.ceil(share * sorted.length - ROUNDING)));
    return sorted[rank - 1] as number;
  };
  const beside = Math.sqrt((p * (1 - p)) / sorted.length);
  const standardError = (at(p + beside) - at(p - beside)) / 2;
  return { at: finiteOrNull(at(p)), standardError: finiteOrNull(standardError) };
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
