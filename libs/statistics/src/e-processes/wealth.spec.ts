import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logMeanExp } from '../distributions/log-space.js';
import { initialWealth, lnMeanWealth, mergeWealth, multiplyWealth, type Wealth } from './wealth.js';

const fractions = Float64Array.of(0.02, 0.4, 0.95);
const share = fc.oneof(
  fc.double({ min: -1, max: 1, noNaN: true }),
  fc.constantFrom(-1, 0, 1e6, 1e90, 1e300, Number.POSITIVE_INFINITY),
);

function fold(shares: readonly number[], wealth: Wealth = initialWealth(fractions.length)): Wealth {
  for (const value of shares) multiplyWealth(wealth, 0, fractions, value);
  return wealth;
}

describe('wealth', () => {
  it('is 1 without factors', () => {
    expect(lnMeanWealth(initialWealth(6), 3, 3)).toBe(0);
  });

  it('is what a sum of logarithms is, far beyond what a double holds', () => {
    for (const each of [-0.999, -0.3, 1e-3, 5]) {
      const shares = Array.from({ length: 20_000 }, (_, index) => each * (1 + 0.1 * Math.sin(index)));
      const cut = shares.map((value) => Math.max(-1, value));
      const logs = [...fractions].map((f) => cut.reduce((sum, value) => sum + Math.log(1 + f * value), 0));
      const reached = lnMeanWealth(fold(cut), 0, fractions.length);
      expect(Math.abs(reached - logMeanExp(logs))).toBeLessThan(1e-12 * Math.max(1, Math.abs(reached)));
    }
  });

  it('is finite whatever the factors', () => {
    fc.assert(
      fc.property(fc.array(share, { maxLength: 40 }), (shares) => {
        const wealth = fold(shares);
        expect([...wealth].every(Number.isFinite)).toBe(true);
        expect(Number.isFinite(lnMeanWealth(wealth, 0, fractions.length))).toBe(true);
      }),
    );
  });

  it('continues bit for bit after a passage through JSON', () => {
    fc.assert(
      fc.property(fc.array(share, { maxLength: 40 }), fc.array(share, { maxLength: 40 }), (before, after) => {
        const thawed = Float64Array.from(JSON.parse(JSON.stringify([...fold(before)])) as number[]);
        expect(fold(after, thawed)).toEqual(fold([...before, ...after]));
      }),
    );
  });

  it('merges in any order, and the empty wealth is neutral', () => {
    const part = fc.array(share, { maxLength: 40 }).map((shares) => fold(shares));
    fc.assert(
      fc.property(part, part, (a, b) => {
        expect(mergeWealth(a, b)).toEqual(mergeWealth(b, a));
        expect(mergeWealth(a, initialWealth(fractions.length))).toEqual(a);
        const apart = [...fractions].map((_, k) => lnMeanWealth(a, k, 1) + lnMeanWealth(b, k, 1));
        apart.forEach((sum, k) => expect(lnMeanWealth(mergeWealth(a, b), k, 1)).toBeCloseTo(sum, 9));
      }),
    );
    expect(() => mergeWealth(initialWealth(1), initialWealth(2))).toThrow('their margins differ');
  });
});
