import { normalUpperTail } from '#libs/statistics';
import type { Missing } from './missing.js';

/** Sizes up to which the null distribution is counted out, without and with ties (go-moremath, which PipeCD uses). */
const EXACT_UP_TO = 50;
const EXACT_WITH_TIES_UP_TO = 25;

export type Deviation = 'HIGH' | 'LOW' | 'EITHER';

export interface PipeCdTest {
  /** Pairs in which x is the larger; ties count half. */
  readonly u: number;
  readonly pLess: number;
  readonly pGreater: number;
  /** As PipeCD computes it; see {@link pipeCdMannWhitney}. */
  readonly pTwoSided: number;
  readonly method: 'exact' | 'normal';
}

/**
 * Mann–Whitney U test as in PipeCD's analysis stage: exact up to 50 values a side (25 with ties), else normal with tie and
 * continuity correction. O(n₁ n₂ (n₁ + n₂)²) exact, O(n log n) otherwise.
 *
 * Its two-sided exact p is `2 P(U ≤ min(U, n₁n₂ − U))`. That presumes a symmetric distribution, which ties break: [2, 1, 3, 5]
 * against five ones is given p = 0 (twice the smaller tail would be .095). Kept, since it is what the peer decides by.
 *
 * No answer without data on a side, or where all values are equal.
 */
export function pipeCdMannWhitney(
  x: readonly number[],
  y: readonly number[],
): PipeCdTest | Missing<'no-data' | 'all-tied'> {
  if (x.length === 0 || y.length === 0) return { missing: 'no-data' };
  const groups = tieGroups(x, y);
  if (groups.length < 2) return { missing: 'all-tied' };
  const hasTies = groups.some(({ size }) => size > 1);
  const limit = hasTies ? EXACT_WITH_TIES_UP_TO : EXACT_UP_TO;
  const u = mannWhitneyU(groups);
  return x.length <= limit && y.length <= limit
    ? exactTest(u, x.length, y.length, groups)
    : normalTest(u, x.length, y.length, groups);
}

export type Comparison = 'acceptable' | 'not-acceptable' | 'no-data';

/**
 * PipeCD's verdict on one window of points: acceptable while p > .05 for a deviation in the direction that is bad, when both
 * sides are empty, and when all values are equal; an error where only one side has values.
 *
 * Docs: pipecd.dev/docs/user-guide/managing-application/customizing-deployment/automated-deployment-analysis
 */
export function comparePipeCd(
  experiment: readonly number[],
  control: readonly number[],
  deviation: Deviation,
): Comparison {
  if (experiment.length === 0 && control.length === 0) return 'acceptable';
  if (experiment.length === 0 || control.length === 0) return 'no-data';
  const test = pipeCdMannWhitney(experiment, control);
  return 'missing' in test || pValue(test, deviation) > 0.05 ? 'acceptable' : 'not-acceptable';
}

function pValue({ pGreater, pLess, pTwoSided }: PipeCdTest, deviation: Deviation): number {
  switch (deviation) {
    case 'HIGH':
      return pGreater;
    case 'LOW':
      return pLess;
    case 'EITHER':
      return pTwoSided;
    default:
      return deviation satisfies never;
  }
}

interface TieGroup {
  readonly size: number;
  readonly ofX: number;
}

/** Equal values together, from the smallest on. */
function tieGroups(x: readonly number[], y: readonly number[]): TieGroup[] {
  const sizes = new Map<number, { size: number; ofX: number }>();
  const add = (value: number, ofX: number): void => {
    const group = sizes.get(value) ?? { size: 0, ofX: 0 };
    sizes.set(value, { size: group.size + 1, ofX: group.ofX + ofX });
  };
  for (const value of x) add(value, 1);
  for (const value of y) add(value, 0);
  return [...sizes].sort(([a], [b]) => a - b).map(([, group]) => group);
}

function mannWhitneyU(groups: readonly TieGroup[]): number {
  let smallerOfY = 0;
  let u = 0;
  for (const { size, ofX } of groups) {
    u += ofX * (smallerOfY + (size - ofX) / 2);
    smallerOfY += size - ofX;
  }
  return u;
}

function exactTest(u: number, nx: number, ny: number, groups: readonly TieGroup[]): PipeCdTest {
  const ways = waysByTwiceU(nx, ny, groups);
  const total = ways.reduce((sum, count) => sum + count, 0);
  const atMost = (limit: number): number => share(ways, total, (twiceU) => twiceU <= 2 * limit);
  return {
    u,
    pLess: atMost(u),
    pGreater: share(ways, total, (twiceU) => twiceU >= 2 * u),
    pTwoSided: Math.min(1, 2 * atMost(Math.min(u, nx * ny - u))),
    method: 'exact',
  };
}

function share(ways: Float64Array, total: number, belongs: (twiceU: number) => boolean): number {
  let sum = 0;
  ways.forEach((count, twiceU) => {
    if (belongs(twiceU)) sum += count;
  });
  return sum / total;
}

/**
 * In how many ways x could have been drawn from the pooled values, by the U that comes out (twice, so that ties stay whole
 * numbers). Group by group from the smallest: taking j of a group's t values for x adds j·(y before) + j(t − j)/2 to U.
 */
function waysByTwiceU(nx: number, ny: number, groups: readonly TieGroup[]): Float64Array {
  const largest = 2 * nx * ny;
  let ways: Float64Array[] = Array.from({ length: nx + 1 }, () => new Float64Array(0));
  ways[0] = Float64Array.of(1, ...new Float64Array(largest));
  let before = 0;
  for (const { size } of groups) {
    const next = Array.from({ length: nx + 1 }, () => new Float64Array(largest + 1));
    for (let taken = 0; taken <= Math.min(nx, before); taken++) {
      const yBefore = before - taken;
      if (yBefore > ny) continue;
      for (let j = 0; j <= Math.min(size, nx - taken); j++) {
        if (yBefore + size - j > ny) continue;
        const choices = choose(size, j);
        const added = j * (2 * yBefore + size - j);
        const source = ways[taken] as Float64Array;
        const target = next[taken + j] as Float64Array;
        for (let twiceU = 0; twiceU + added <= largest && twiceU < source.length; twiceU++) {
          const count = source[twiceU] as number;
          if (count > 0) target[twiceU + added] = (target[twiceU + added] as number) + choices * count;
        }
      }
    }
    ways = next;
    before += size;
  }
  return ways[nx] as Float64Array;
}

function choose(n: number, k: number): number {
  let ways = 1;
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i;
  return Math.round(ways);
}

function normalTest(u: number, nx: number, ny: number, groups: readonly TieGroup[]): PipeCdTest {
  const n = nx + ny;
  const ties = groups.reduce((sum, { size }) => sum + (size ** 3 - size), 0);
  const sigma = Math.sqrt(((nx * ny) / 12) * (n + 1 - ties / (n * (n - 1))));
  const centred = u - (nx * ny) / 2;
  return {
    u,
    pLess: normalUpperTail(-(centred + 0.5) / sigma),
    pGreater: normalUpperTail((centred - 0.5) / sigma),
    pTwoSided: Math.min(1, 2 * normalUpperTail((Math.abs(centred) - 0.5) / sigma)),
    method: 'normal',
  };
}
