import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addToSketch, initialSketch, mergeSketches, quantileInterval, quantileRanks } from '#libs/statistics';
import { simulationRandom } from '#libs/testing/random';
import { lnEQuantilesDiffer, lnESketchQuantilesDiffer, valueCounts } from './quantile-comparison.js';

describe('quantile sequence', () => {
  it('knows what it does not know', () => {
    const sketch = initialSketch();
    for (const value of [1, 2, 0, Infinity]) addToSketch(sketch, value);
    expect(quantileInterval(sketch, 0.5, 0.05)).toEqual({ low: -Infinity, high: Infinity });
    expect(quantileInterval(initialSketch(), 0.5, 0.05)).toEqual({ low: -Infinity, high: Infinity });
  });

  it('has the ranks of the reference implementation', () => {
    expect(quantileRanks(0.95, 10_000, 0.05)).toEqual({ low: 9432, high: 9565 });
    expect(quantileRanks(0.9, 200, 0.05)).toEqual({ low: 158, high: 200 });
  });
});

describe('comparison of quantiles', () => {
  const values = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 });
  const tuning = { at: 100, alpha: 0.05 };

  it('is the same whichever arm is named first', () => {
    fc.assert(
      fc.property(values, values, (xs, ys) => {
        const [a, b] = [valueCounts(xs), valueCounts(ys)];
        expect(lnEQuantilesDiffer(a, b, 0.9, tuning)).toBeCloseTo(lnEQuantilesDiffer(b, a, 0.9, tuning), 12);
      }),
    );
  });

  it('says nothing without values, and of arms that are one', () => {
    expect(lnEQuantilesDiffer([], valueCounts([1, 2]), 0.5)).toBe(0);
    const same = valueCounts(Array.from({ length: 500 }, () => 3));
    expect(lnEQuantilesDiffer(same, same, 0.5, tuning)).toBeLessThanOrEqual(0);
    expect(() => lnEQuantilesDiffer(same, same, 1)).toThrow('quantile 1');
  });

  it('takes, among ties, the count with the least evidence', () => {
    // All of one arm's values are tied at the other's quantile: any share of them may lie below it.
    const tied = valueCounts(Array.from({ length: 1_000 }, () => 500.5));
    const spread = valueCounts(Array.from({ length: 1_000 }, (_, index) => index + 1));
    expect(lnEQuantilesDiffer(tied, spread, 0.5, tuning)).toBeLessThanOrEqual(0);
    expect(lnEQuantilesDiffer(tied, spread, 0.9, tuning)).toBeGreaterThan(20);
  });

  it('finds a slower tail from sketches as from the values', () => {
    const random = simulationRandom(6);
    const [a, b, c] = [initialSketch(), initialSketch(), initialSketch()];
    const exact: [number[], number[]] = [[], []];
    for (let i = 0; i < 4_000; i++) {
      const [x, y] = [Math.exp(0.3 * random.normal()), 1.3 * Math.exp(0.3 * random.normal())];
      addToSketch(a, x);
      addToSketch(i % 2 === 0 ? b : c, y);
      exact[0].push(x);
      exact[1].push(y);
    }
    const fromSketches = lnESketchQuantilesDiffer(a, mergeSketches(b, c), 0.95);
    const fromValues = lnEQuantilesDiffer(valueCounts(exact[0]), valueCounts(exact[1]), 0.95);
    expect(fromSketches).toBeGreaterThan(Math.log(20));
    expect(fromSketches / fromValues).toBeGreaterThan(0.85);
    expect(fromSketches).toBeLessThanOrEqual(fromValues + 1e-9);
  });
});
