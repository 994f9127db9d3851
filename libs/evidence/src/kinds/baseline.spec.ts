import { describe, expect, it } from 'vitest';
import { type Baseline, initialBaseline, mergeBaselines, observeBaseline } from './baseline.js';

function baselineOf(values: readonly number[], units = values.length): Baseline {
  return values.reduce((baseline, value) => observeBaseline(baseline, value, units), initialBaseline());
}

describe('the baseline', () => {
  it('keeps the spread of values that lie far from zero', () => {
    // A clock in milliseconds, and a second around it; the sample variance of 0 … 99 is 841⅔.
    const far = Array.from({ length: 100 }, (_, index) => 1.8e12 + 10 * index);
    expect(baselineOf(far).fixed?.mean).toBeCloseTo(1.8e12 + 495, 3);
    expect(baselineOf(far).fixed?.spread).toBeCloseTo(10 * Math.sqrt(841 + 2 / 3), 6);
  });

  it('is fixed by the value that completes it, and by no later one', () => {
    const values = [1, 2, 3, Infinity, NaN, 4];
    expect(baselineOf(values, 5).fixed).toBeNull();
    expect(baselineOf(values, 4).fixed).toEqual({ mean: 2.5, spread: Math.sqrt(5 / 3), parts: 1 });
  });

  it('is the average of the partitions’ own ones', () => {
    const [a, b, c] = [
      [1, 2, 3],
      [3, 4, 5],
      [7, 8, 12],
    ].map((values) => baselineOf(values)) as [Baseline, Baseline, Baseline];
    expect(mergeBaselines(mergeBaselines(a, b), c).fixed?.mean).toBeCloseTo(5, 12);
    expect(mergeBaselines(a, initialBaseline()).fixed).toEqual(a.fixed);
    expect(mergeBaselines(mergeBaselines(a, b), c).fixed?.parts).toBe(3);
  });
});
