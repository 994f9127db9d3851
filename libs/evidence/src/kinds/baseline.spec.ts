import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
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
    expect(baselineOf(values, 4).fixed).toEqual({
      mean: 2.5,
      spread: Math.sqrt(5 / 3),
      parts: 1,
      whole: { n: 4, mean: 2.5 },
    });
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

  it('is that of the usual values where one in forty is absurd, however absurd', () => {
    const random = simulationRandom(7);
    const usual = Array.from({ length: 195 }, () => Math.exp(0.3 * random.normal()));
    const clean = baselineOf(usual).fixed as NonNullable<Baseline['fixed']>;
    for (const absurd of [432_000, 1e20, -1e9]) {
      const { mean, spread } = baselineOf([
        ...usual.slice(0, 90),
        absurd,
        absurd,
        absurd,
        absurd,
        absurd,
        ...usual.slice(90),
      ]).fixed as NonNullable<Baseline['fixed']>;
      expect(Math.abs(mean / clean.mean - 1)).toBeLessThan(0.1);
      expect(spread).toBeLessThan(3 * clean.spread);
    }
    // Of one partition of four.
    expect(baselineOf([...usual.slice(0, 49), 432_000]).fixed?.mean).toBeLessThan(1.2);
  });

  it('is the mean and standard deviation themselves where no value is absurd', () => {
    const random = simulationRandom(8);
    const values = Array.from(
      { length: 200 },
      (_, index) => Math.exp(0.6 * random.normal()) + Number(index % 20 === 0),
    );
    const mean = values.reduce((sum, value) => sum + value, 0) / 200;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    expect(baselineOf(values).fixed?.mean).toBeCloseTo(mean, 12);
    expect(baselineOf(values).fixed?.spread).toBeCloseTo(Math.sqrt(squares / 199), 12);
  });
});
