import { initialMoments, mergeMoments, type Moments, observeMoments, varianceOf } from '#libs/statistics';

/**
 * What control's first units say: its mean, which makes relative margins absolute, and its spread, which bounds the values.
 * Once `fixed` it never changes: bounds and margins that moved with the data would be another test.
 */
export interface Baseline {
  readonly values: Readonly<Moments>;
  readonly fixed: Fixed | null;
}

/** What is usual in control, from its first units. */
export interface Fixed {
  readonly mean: number;
  readonly spread: number;
  /** Partitions that it is the average of. */
  readonly parts: number;
}

export function initialBaseline(): Baseline {
  return { values: initialMoments(), fixed: null };
}

/** Adds a control unit's value; the one that completes `units` fixes the baseline. Values that are not finite don't count. */
export function observeBaseline(baseline: Baseline, value: number, units: number): Baseline {
  const values = { ...baseline.values };
  if (!observeMoments(values, value)) return baseline;
  if (values.n < units) return { values, fixed: null };
  return { values, fixed: { mean: values.mean, spread: Math.sqrt(varianceOf(values) ?? 0), parts: 1 } };
}

/**
 * Every partition fixes its own baseline from its own first units, so that its fold depends on nothing but its part of
 * the log. Their means differ by sampling error, and the margins with them; shown is the average over the partitions.
 */
export function mergeBaselines(a: Baseline, b: Baseline): Baseline {
  const values = mergeMoments(a.values, b.values);
  if (a.fixed === null || b.fixed === null) return { values, fixed: a.fixed ?? b.fixed };
  const { parts } = a.fixed;
  const all = parts + b.fixed.parts;
  const average = (x: number, y: number): number => (x * parts + y * (all - parts)) / all;
  return {
    values,
    fixed: { mean: average(a.fixed.mean, b.fixed.mean), spread: average(a.fixed.spread, b.fixed.spread), parts: all },
  };
}
