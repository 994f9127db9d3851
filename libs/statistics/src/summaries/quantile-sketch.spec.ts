import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import {
  addToSketch,
  edgeOfBucket,
  initialSketch,
  mergeSketches,
  quantile,
  type QuantileSketch,
  SKETCH_RELATIVE_ERROR,
  valueAtRank,
} from './quantile-sketch.js';

const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { maxLength: 50 });
/** Magnitudes of every order, where the table has to agree with the logarithm. */
const magnitudes = fc.tuple(fc.double({ noNaN: true, min: 1, max: 10 }), fc.integer({ min: -8, max: 300 }));

describe('quantile sketch', () => {
  it('finds quantiles of either sign to half a percent', () => {
    const random = simulationRandom(1);
    const drawn = Array.from({ length: 5_000 }, () => 3 * random.normal());
    const sketch = sketchOf(drawn);
    drawn.sort((a, b) => a - b);
    for (const rank of [1, 100, 1_200, 2_600, 4_800, 5_000]) {
      const exact = drawn[rank - 1] as number;
      expect(Math.abs(valueAtRank(sketch, rank) - exact)).toBeLessThanOrEqual(0.00501 * Math.abs(exact));
    }
  });

  it('keeps its relative error at every magnitude', () => {
    fc.assert(
      fc.property(magnitudes, ([leading, exponent]) => {
        const value = leading * 10 ** exponent;
        const read = valueAtRank(sketchOf([value]), 1);
        expect(Math.abs(read / value - 1)).toBeLessThanOrEqual(SKETCH_RELATIVE_ERROR * (1 + 1e-9));
      }),
      { numRuns: 2_000 },
    );
  });

  it('has all values of a bucket between its edges, which are less than a hundredth apart', () => {
    const oneOfAnySign = fc.tuple(magnitudes, fc.boolean());
    fc.assert(
      fc.property(oneOfAnySign, ([[leading, exponent], isNegative]) => {
        const value = leading * 10 ** exponent * (isNegative ? -1 : 1);
        const read = valueAtRank(sketchOf([value]), 1);
        const [below, above] = [edgeOfBucket(read, 'below'), edgeOfBucket(read, 'above')];
        expect(value).toBeGreaterThan(below);
        expect(value).toBeLessThan(above);
        expect((above - below) / Math.abs(read)).toBeLessThan(0.01001);
      }),
      { numRuns: 2_000 },
    );
    for (const value of [1, 1.01, 1.01 ** 700, -1, -(1.01 ** 700)]) {
      const read = valueAtRank(sketchOf([value]), 1);
      expect(value > edgeOfBucket(read, 'below') && value < edgeOfBucket(read, 'above')).toBe(true);
    }
    expect([0, Infinity].map((value) => edgeOfBucket(value, 'above'))).toEqual([0, Infinity]);
  });

  it('puts a value into the bucket that its logarithm names', () => {
    fc.assert(
      fc.property(magnitudes, ([leading, exponent]) => {
        const value = leading * 10 ** exponent;
        expect([...sketchOf([value]).positive.keys()]).toEqual([bucketByLogarithm(value)]);
      }),
      { numRuns: 2_000 },
    );
    for (let bucket = -1_000; bucket < 3_000; bucket += 7) {
      for (const value of [1.01 ** bucket, 1.01 ** bucket * (1 + 1e-14), 1.01 ** bucket * (1 - 1e-14)]) {
        expect([...sketchOf([value]).positive.keys()]).toEqual([bucketByLogarithm(value)]);
      }
    }
  });

  it('keeps every rank of a law with a long tail, in the memory of its range', () => {
    const random = simulationRandom(2);
    const drawn = Array.from({ length: 30_000 }, () =>
      Math.min(1e5, Math.max(10, 800 * Math.exp(1.5 * random.normal()))),
    );
    const sketch = sketchOf(drawn);
    drawn.sort((a, b) => a - b);
    for (let rank = 1; rank <= drawn.length; rank += 997) {
      const exact = drawn[rank - 1] as number;
      expect(Math.abs(valueAtRank(sketch, rank) / exact - 1)).toBeLessThanOrEqual(SKETCH_RELATIVE_ERROR + 1e-12);
    }
    expect(sketch.positive.size).toBeLessThanOrEqual(Math.ceil(Math.log(1e4) / Math.log(1.01)) + 1);
  });

  it('counts infinite values, refuses what is no number, and knows what it does not know', () => {
    const sketch = initialSketch();
    expect(quantile(sketch, 0.5)).toBeNull();
    expect(addToSketch(sketch, Number.NaN)).toBe(false);
    expect(addToSketch(sketch, -Infinity)).toBe(false);
    for (const value of [1, 2, 0, Infinity]) addToSketch(sketch, value);
    expect(quantile(sketch, 0.95)).toBe(Infinity);
    expect(quantile(sketch, 0.25)).toBe(0);
    expect(valueAtRank(sketch, 0)).toBe(-Infinity);
    expect(valueAtRank(sketch, 4)).toBe(Infinity);
  });

  it('merges exactly, as a commutative monoid', () => {
    fc.assert(
      fc.property(values, values, values, (xs, ys, zs) => {
        const [a, b, c] = [sketchOf(xs), sketchOf(ys), sketchOf(zs)];
        expect(mergeSketches(a, initialSketch())).toEqual(a);
        expect(mergeSketches(a, b)).toEqual(mergeSketches(b, a));
        expect(mergeSketches(mergeSketches(a, b), c)).toEqual(mergeSketches(a, mergeSketches(b, c)));
        expect(mergeSketches(a, b)).toEqual(sketchOf([...xs, ...ys]));
        expect(quantile(mergeSketches(a, b), 0.9)).toBe(quantile(mergeSketches(b, a), 0.9));
      }),
    );
  });
});

/** + 0: a map knows no −0. */
function bucketByLogarithm(value: number): number {
  return Math.ceil(Math.log(value) / Math.log(1.01)) + 0;
}

function sketchOf(added: readonly number[]): QuantileSketch {
  const sketch = initialSketch();
  for (const value of added) addToSketch(sketch, value);
  return sketch;
}
