import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialMoments, mergeMoments, momentsOf, observeMoments, standardErrorOf, varianceOf } from './moments.js';

const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { maxLength: 40 });

describe('moments', () => {
  it('are the textbook mean and variance', () => {
    const state = momentsOf([2, 4, 4, 4, 5, 5, 7, 9]);
    expect(state.mean).toBe(5);
    expect(varianceOf(state)).toBeCloseTo(32 / 7, 14);
    expect(standardErrorOf(state)).toBeCloseTo(Math.sqrt(4 / 7), 14);
  });

  it('keep their digits at a large offset', () => {
    const state = momentsOf(Array.from({ length: 10_000 }, (_, i) => 1e12 + (i % 2)));
    expect(varianceOf(state)).toBeCloseTo(10_000 / 4 / 9_999, 9);
    const halves = mergeMoments(
      momentsOf(Array.from({ length: 5_000 }, (_, i) => 1e12 + (i % 2))),
      momentsOf(Array.from({ length: 5_000 }, (_, i) => 1e12 + (i % 2))),
    );
    expect(varianceOf(halves)).toBeCloseTo(10_000 / 4 / 9_999, 9);
  });

  it('say when there is too little, and refuse what is not finite', () => {
    const state = initialMoments();
    expect(varianceOf(state)).toBeNull();
    expect(observeMoments(state, Infinity)).toBe(false);
    expect(observeMoments(state, Number.NaN)).toBe(false);
    observeMoments(state, 3);
    expect(state).toEqual({ n: 1, mean: 3, sumOfSquaredDeviations: 0 });
    expect(varianceOf(state)).toBeNull();
    expect(standardErrorOf(state)).toBeNull();
  });

  it('are a commutative monoid that agrees with folding everything', () => {
    fc.assert(
      fc.property(values, values, values, (xs, ys, zs) => {
        const [a, b, c] = [momentsOf(xs), momentsOf(ys), momentsOf(zs)];
        expect(mergeMoments(a, initialMoments())).toEqual(a);
        expect(mergeMoments(a, b)).toEqual(mergeMoments(b, a));
        expectSame(mergeMoments(mergeMoments(a, b), c), mergeMoments(a, mergeMoments(b, c)));
        expectSame(mergeMoments(a, b), momentsOf([...xs, ...ys]));
      }),
    );
  });
});

/** Up to the rounding of values up to 1e6: squares of 1e12, forty of them. */
function expectSame(a: ReturnType<typeof initialMoments>, b: ReturnType<typeof initialMoments>): void {
  expect(a.n).toBe(b.n);
  expect(Math.abs(a.mean - b.mean)).toBeLessThan(1e-8);
  expect(Math.abs(a.sumOfSquaredDeviations - b.sumOfSquaredDeviations)).toBeLessThan(1);
}
