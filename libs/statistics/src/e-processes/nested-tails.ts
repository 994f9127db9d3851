import { logMeanExp } from '../distributions/log-space.js';
import { normalQuantile } from '../distributions/normal.js';
import { lnEMoreOften, type Tilt } from './tilt.js';

/** The far end is so much of the tail of a normal law: with a tail of one in fifty, one in two thousand; of a heavier one it is more. */
export const FAR_TAIL_SHARE = 1 / 40;

/**
 * Grid of tilts for the far tail. What a fault puts there is many times as frequent as control's values, or not more frequent at all:
 * small factors are the near tail's to find.
 */
export const FAR_TILTS: readonly number[] = [1, 2, 3, 4];

/**
 * ln E against "the candidate's values are at most e^boundary times as often in the tail as control's, and at most e^boundary times as often
 * in its far end". A value far beyond everything that control gave lately says more than one just inside its tail; one limit
 * makes both the same event.
 *
 * The mean of two e-processes in one filtration is one, whatever their dependence (Vovk & Wang, Ann. Statist. 49, 2021, prop. 3.1); so
 * the sum is never less than half the better one: looking at both ends costs ln 2 at most.
 * @param near events beyond the tail's limit, those of the far end among them.
 * @param far events beyond its {@link farTailLimit}.
 */
export function lnETailMoreOften(near: Tilt, far: Tilt, boundary: number): number {
  return logMeanExp([lnEMoreOften(near, boundary), lnEMoreOften(far, boundary, FAR_TILTS)]);
}

/** Values of the past, as far as their quantiles say. */
export interface PastValues {
  readonly n: number;
  /** Null without values. */
  readonly quantile: (p: number) => number | null;
}

/**
 * Where the far end of the lower tail below the quantile of `level` begins: as far from the median as it would under a normal law. Read from
 * the tail's own limit instead of from the few values beyond it, so it is there as early, and lies as far out where each of many partitions has a past
 * of its own. The test needs no normal law: any function of the past may be a limit.
 * @param level share of the tail, below ½.
 * @returns null where the past has no such limit: no values, or infinite ones.
 */
export function farTailLimit({ n, quantile }: PastValues, level: number): number | null {
  // Of few values the least one is read, which is no quantile of `level` yet.
  const near = quantile(level);
  const median = quantile(0.5);
  if (near === null || median === null) return null;
  const reach = normalQuantile(FAR_TAIL_SHARE * level) / normalQuantile(Math.max(level, 1 / n));
  const limit = median - reach * (median - near);
  return Number.isFinite(limit) ? limit : null;
}
