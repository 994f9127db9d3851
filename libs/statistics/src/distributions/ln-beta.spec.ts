import { describe, expect, it } from 'vitest';
import { lnBeta, lnGamma } from './ln-beta.js';
import { logSumExp } from './log-space.js';

describe('ln B', () => {
  // Golden values: mpmath, 50 digits.
  it.each([
    [1, 1, 0],
    [0.5, 0.5, Math.log(Math.PI)],
    [2, 3, Math.log(1 / 12)],
    [5, 1_000_000, lnGamma(5) - 5 * Math.log(1_000_000) - 1e-5 + 5e-12 / 3 + 0.5 * 1e-11],
  ])('B(%d, %d)', (a, b, expected) => {
    expect(lnBeta(a, b)).toBeCloseTo(expected, 9);
  });

  it('satisfies B(a, b) = B(a + 1, b) + B(a, b + 1) at every size', () => {
    for (const a of [0.3, 2, 9.5, 10, 300, 1e6]) {
      for (const b of [0.7, 11, 1e4, 1e8]) {
        const sum = logSumExp([lnBeta(a + 1, b), lnBeta(a, b + 1)]);
        expect(Math.abs(sum - lnBeta(a, b))).toBeLessThan(1e-13 * Math.abs(lnBeta(a, b)) + 2e-13);
      }
    }
  });

  it('refuses what has no beta function', () => {
    expect(() => lnBeta(0, 1)).toThrow('expected two positive numbers');
  });
});
