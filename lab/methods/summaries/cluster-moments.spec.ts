import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clusterMean,
  type ClusterMoments,
  designEffect,
  initialClusterMoments,
  mergeClusterMoments,
  NEW_UNIT,
  observeInUnit,
  type UnitTotals,
} from './cluster-moments.js';
import { initialCovariance, momentsOf, observePair, ratioOf, varianceOf } from '#libs/statistics';

const units = fc.array(fc.array(fc.double({ noNaN: true, min: -100, max: 100 }), { minLength: 1, maxLength: 6 }), {
  maxLength: 12,
});

describe('cluster moments', () => {
  it('are the ratio of sums per unit, in whatever order the values arrive', () => {
    fc.assert(
      fc.property(units, fc.double({ noNaN: true, min: -100, max: 100 }), (values, centre) => {
        const pairs = initialCovariance();
        for (const unit of values) observePair(pairs, sumOf(unit), unit.length);
        const wanted = ratioOf(pairs);
        const reached = clusterMean(foldedByRounds(values, centre));
        if (wanted === null) expect(reached).toBeNull();
        else {
          expect(reached?.mean).toBeCloseTo(wanted.ratio, 8);
          if (wanted.variance === null) expect(reached?.variance).toBeNull();
          else expect(reached?.variance).toBeCloseTo(wanted.variance, 6);
        }
      }),
    );
  });

  it('have the same spread of sums and counts whatever the centre', () => {
    const values = [[12, 10, 9], [30], [8, 8], [15, 17, 16, 20]];
    const plain = clusterMean(foldedByRounds(values, 0));
    const centred = clusterMean(foldedByRounds(values, 14.5));
    expect(centred?.spread?.sum).toBeCloseTo(plain?.spread?.sum ?? 0, 9);
    expect(centred?.spread?.covariance).toBeCloseTo(plain?.spread?.covariance ?? 0, 9);
  });

  it('keep their digits at a large offset when they are centred', () => {
    const values = Array.from({ length: 1_000 }, (_, i) => [1e9 + (i % 2), 1e9]);
    const variance = clusterMean(foldedByRounds(values, 1e9))?.variance ?? 0;
    expect(variance / (0.25 / 4 / 999)).toBeCloseTo(1, 9);
  });

  it('merge as a commutative monoid', () => {
    fc.assert(
      fc.property(units, units, units, (xs, ys, zs) => {
        const [a, b, c] = [foldedByRounds(xs, 1), foldedByRounds(ys, 1), foldedByRounds(zs, 1)];
        expect(mergeClusterMoments(a, initialClusterMoments(1))).toEqual(a);
        expect(mergeClusterMoments(a, b)).toEqual(mergeClusterMoments(b, a));
        expectSame(
          mergeClusterMoments(mergeClusterMoments(a, b), c),
          mergeClusterMoments(a, mergeClusterMoments(b, c)),
        );
        expectSame(mergeClusterMoments(a, b), foldedByRounds([...xs, ...ys], 1));
      }),
    );
    expect(() => mergeClusterMoments(initialClusterMoments(1), initialClusterMoments(2))).toThrow(
      'expected one centre',
    );
  });

  it('say how much the units correlate', () => {
    // Every value of a unit is the same: k values per unit say no more than one.
    const values = Array.from({ length: 50 }, (_, i) => [i, i, i, i]);
    const alone = varianceOf(momentsOf(values.flat()));
    expect(designEffect(foldedByRounds(values, 0), alone)).toBeCloseTo((4 * 199) / 49 / 4, 9);
    expect(designEffect(foldedByRounds([[1, 1]], 0), 1)).toBeNull();
    expect(designEffect(foldedByRounds([[1], [1]], 0), 0)).toBeNull();
  });

  it('say when there is too little, and skip what is not finite', () => {
    const state = initialClusterMoments();
    expect(clusterMean(state)).toBeNull();
    expect(observeInUnit(state, NEW_UNIT, Number.NaN)).toBe(NEW_UNIT);
    observeInUnit(state, NEW_UNIT, 4);
    expect(clusterMean(state)).toEqual({ mean: 4, variance: null, spread: null });
  });
});

function foldedByRounds(values: readonly (readonly number[])[], centre: number): ClusterMoments {
  const state = initialClusterMoments(centre);
  const totals: UnitTotals[] = values.map(() => NEW_UNIT);
  for (let round = 0; round < Math.max(0, ...values.map((unit) => unit.length)); round++) {
    values.forEach((unit, index) => {
      const value = unit[round];
      if (value !== undefined) totals[index] = observeInUnit(state, totals[index] as UnitTotals, value);
    });
  }
  return state;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function expectSame(a: ClusterMoments, b: ClusterMoments): void {
  for (const key of Object.keys(a) as (keyof ClusterMoments)[]) {
    expect(Math.abs(a[key] - b[key]), key).toBeLessThan(1e-6);
  }
}
