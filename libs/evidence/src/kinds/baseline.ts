import { type Moments, momentsOf, varianceOf, WIDEST_REACH } from '#libs/statistics';

/**
 * What control's first units say: its mean, which makes relative margins absolute, and its spread, which bounds the values.
 * Once `fixed` it never changes: bounds and margins that moved with the data would be another test.
 */
export interface Baseline {
  /** Control's first values, until they have fixed it; merged baselines keep none. */
  readonly values: readonly number[];
  readonly fixed: Fixed | null;
}

/** What is usual in control, from its first units. */
export interface Fixed {
  readonly mean: number;
  readonly spread: number;
  /** Partitions that it is the average of. */
  readonly parts: number;
  /** All values it was made of, those that are not usual as well, but none further out than the widest bounds can be. */
  readonly whole: { readonly n: number; readonly mean: number };
}

export function initialBaseline(): Baseline {
  return { values: [], fixed: null };
}

/** Adds a control unit's value; the one that completes `units` fixes the baseline. Values that are not finite don't count. */
export function observeBaseline(baseline: Baseline, value: number, units: number): Baseline {
  if (!Number.isFinite(value)) return baseline;
  const values = [...baseline.values, value];
  return values.length < units ? { values, fixed: null } : { values: [], fixed: usualOf(values) };
}

/** Mean and spread of what is usual among values: those beyond their {@link usualFences} are left out. */
function usualOf(values: readonly number[]): Fixed {
  const fences = usualFences(values);
  return fixedOf(momentsOf(values.filter((value) => isWithin(fences, value))), values);
}

/** @param usual moments of the usual ones of all values. */
export function fixedOf(usual: Moments, all: readonly number[]): Fixed {
  const { mean } = usual;
  const spread = Math.sqrt(varianceOf(usual) ?? 0);
  const reach = WIDEST_REACH * spread;
  const whole = momentsOf(all.filter((value) => Math.abs(value - mean) <= reach));
  return { mean, spread, parts: 1, whole: { n: whole.n, mean: whole.mean } };
}

export interface Fences {
  readonly low: number;
  readonly high: number;
}

/** So many values at each end, as a share, may be anything at all: they say nothing about where the fences are. */
const FREE_SHARE = 1 / 40;
/** Fewer values are too few to tell what is usual from what is not. */
const FEWEST_VALUES = 20;
/** As far as the middle one of the nested bounds reaches: a normal law never gets there, a lognormal one of σ = 1 with one value in a thousand. */
const REACH = 12;

/**
 * Between which values are usual, so that a few absurd ones (a time that is the host's uptime) neither make a margin of their own nor hide
 * everything else behind the spread they cause: the winsorised mean ± 12 winsorised standard deviations, of which at each end a fortieth of
 * the values, rounded up, counts as the next one inwards. None of the other values can lie beyond: m values at one place are within √(n/m) standard deviations.
 *
 * Source: winsorised moments, Tukey & McLaughlin, Sankhyā A 25 (1963). Any function of control's first values may fix the baseline: what it judges comes later.
 */
export function usualFences(values: readonly number[]): Fences {
  const n = values.length;
  if (n < FEWEST_VALUES) return { low: -Infinity, high: Infinity };
  const sorted = values.toSorted((a, b) => a - b);
  const free = Math.ceil(n * FREE_SHARE);
  const usual = { low: sorted[free] as number, high: sorted[n - 1 - free] as number };
  const moments = momentsOf(sorted.map((value) => Math.min(usual.high, Math.max(usual.low, value))));
  const reach = REACH * Math.sqrt(varianceOf(moments) ?? 0);
  return { low: Math.min(usual.low, moments.mean - reach), high: Math.max(usual.high, moments.mean + reach) };
}

export function isWithin({ low, high }: Fences, value: number): boolean {
  return low <= value && value <= high;
}

/**
 * Every partition fixes its own baseline from its own first units, so that its fold depends on nothing but its part of
 * the log. Their means differ by sampling error, and the margins with them; shown is the average over the partitions.
 */
export function mergeBaselines(a: Baseline, b: Baseline): Baseline {
  if (a.fixed === null || b.fixed === null) return { values: [], fixed: a.fixed ?? b.fixed };
  const { parts } = a.fixed;
  const all = parts + b.fixed.parts;
  const average = (x: number, y: number): number => (x * parts + y * (all - parts)) / all;
  const n = a.fixed.whole.n + b.fixed.whole.n;
  return {
    values: [],
    fixed: {
      mean: average(a.fixed.mean, b.fixed.mean),
      spread: average(a.fixed.spread, b.fixed.spread),
      parts: all,
      whole: {
        n,
        mean: n === 0 ? 0 : (a.fixed.whole.n * a.fixed.whole.mean + b.fixed.whole.n * b.fixed.whole.mean) / n,
      },
    },
  };
}
