import { chiSquareUpperTail, studentTLowerTail, studentTUpperQuantile, studentTUpperTail } from '#lab/methods';
import type { Effect } from './growthbook-effect.js';
import {
  GROWTHBOOK_TUNING,
  oneSidedSequentialHalfWidth,
  oneSidedSequentialP,
  sequentialHalfWidth,
  sequentialP,
} from './growthbook-sequential.js';

/** Which alternative is looked for; the interval of a one-sided test is open on the other side. */
export type Side = 'both' | 'greater' | 'lesser';

export interface EffectTest {
  readonly p: number;
  /** null: open on this side. */
  readonly low: number | null;
  readonly high: number | null;
}

/** Welch's t test of an effect (docs.growthbook.io/statistics/details, "p-value" and "Confidence Interval"). */
export function welchEffectTest(effect: Effect, alpha: number, side: Side = 'both'): EffectTest {
  const t = effect.estimate / effect.standardError;
  const p =
    side === 'both'
      ? 2 * studentTUpperTail(Math.abs(t), effect.df)
      : side === 'greater'
        ? studentTUpperTail(t, effect.df)
        : studentTLowerTail(t, effect.df);
  const halfWidth = effect.standardError * studentTUpperQuantile(side === 'both' ? alpha / 2 : alpha, effect.df);
  return { p: Math.min(1, p), ...interval(effect, halfWidth, side) };
}

/** The same by the asymptotic confidence sequence: valid at every look, see {@link sequentialHalfWidth}. */
export function sequentialEffectTest(
  effect: Effect,
  alpha: number,
  side: Side = 'both',
  tuning = GROWTHBOOK_TUNING,
): EffectTest {
  const { n, standardError } = effect;
  const z = effect.estimate / standardError;
  if (side === 'both') {
    return {
      p: sequentialP(z, n, alpha, tuning),
      ...interval(effect, sequentialHalfWidth(standardError, n, alpha, tuning), side),
    };
  }
  return {
    p: oneSidedSequentialP(side === 'greater' ? z : -z, n, alpha, tuning),
    ...interval(effect, oneSidedSequentialHalfWidth(standardError, n, alpha, tuning), side),
  };
}

function interval({ estimate }: Effect, halfWidth: number, side: Side): { low: number | null; high: number | null } {
  return {
    low: side === 'lesser' ? null : estimate - halfWidth,
    high: side === 'greater' ? null : estimate + halfWidth,
  };
}

export interface SampleRatioTest {
  readonly statistic: number;
  readonly df: number;
  readonly p: number;
}

/**
 * Pearson's χ² test of the split of units against the weights (docs.growthbook.io/statistics/srm). Weights need not add up to 1;
 * variants of weight 0 are left out. p = 1 without units or with fewer than two variants.
 */
export function sampleRatioTest(units: readonly number[], weights: readonly number[]): SampleRatioTest {
  if (units.length !== weights.length) {
    throw new RangeError(`${units.length} counts but ${weights.length} weights: expected one weight per count`);
  }
  const drawn = weights
    .map((weight, index) => ({ weight, count: units[index] as number }))
    .filter(({ weight }) => weight > 0);
  const total = drawn.reduce((sum, { count }) => sum + count, 0);
  const totalWeight = drawn.reduce((sum, { weight }) => sum + weight, 0);
  const df = Math.max(0, drawn.length - 1);
  if (total === 0 || df === 0) return { statistic: 0, df, p: 1 };
  const statistic = drawn.reduce((sum, { weight, count }) => {
    const expected = (total * weight) / totalWeight;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
  return { statistic, df, p: chiSquareUpperTail(statistic, df) };
}
