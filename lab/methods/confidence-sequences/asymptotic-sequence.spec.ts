import { describe, expect, it } from 'vitest';
import {
  approximateRhoSquared,
  asymptoticHalfWidth,
  asymptoticLnE,
  asymptoticOneSidedHalfWidth,
  asymptoticOneSidedP,
  exactRhoSquared,
} from '#libs/statistics';
import { asymptoticNonInferiority } from './non-inferiority.js';

describe('asymptotic sequence', () => {
  it('agrees with the reference at α = .05, tightest at 5000, n = 1000', () => {
    expect(asymptoticHalfWidth(1 / Math.sqrt(1000), 1000, 0.05)).toBeCloseTo(0.10637547006557503, 12);
  });

  it('is narrowest at N* with the exact ρ², and hardly wider with the approximate one', () => {
    const exact = exactRhoSquared(0.05, 5_000);
    expect(widthAtItsTightest(exact)).toBeLessThan(widthAtItsTightest(1.02 * exact));
    expect(widthAtItsTightest(exact)).toBeLessThan(widthAtItsTightest(0.98 * exact));
    expect(widthAtItsTightest(approximateRhoSquared(0.05, 5_000)) / widthAtItsTightest(exact)).toBeLessThan(1.01);
  });

  it('excludes 0 exactly where the e-value reaches 1/α', () => {
    const rhoSquared = approximateRhoSquared(0.05);
    for (const n of [50, 5_000, 1e6]) {
      const halfWidth = asymptoticHalfWidth(0.1, n, 0.05);
      expect(asymptoticLnE(halfWidth, 0.1, n, rhoSquared)).toBeCloseTo(Math.log(20), 9);
    }
  });

  it('has a one-sided p of α exactly at the one-sided bound, and is narrower to one side', () => {
    const rhoSquared = approximateRhoSquared(0.1);
    for (const n of [500, 5_000, 1e6]) {
      const halfWidth = asymptoticOneSidedHalfWidth(0.1, n, 0.05);
      expect(asymptoticOneSidedP(halfWidth, 0.1, n, rhoSquared)).toBeCloseTo(0.05, 9);
      expect(halfWidth).toBeLessThan(asymptoticHalfWidth(0.1, n, 0.05));
    }
    expect(asymptoticOneSidedP(-1, 0.1, 100, rhoSquared)).toBe(1);
  });
});

describe('non-inferiority by asymptotic sequences', () => {
  it('decides as its p-values do, and mirrors', () => {
    for (const difference of [-0.4, -0.2, -0.1, 0, 0.2]) {
      const reached = asymptoticNonInferiority({ difference, standardError: 0.03, n: 4_000 }, 0.1, 0.05);
      if (reached.missing !== null) throw new Error(reached.missing);
      expect(reached.nonInferior).toBe(reached.pNonInferior < 0.05);
      expect(reached.inferior).toBe(reached.pInferior < 0.05);
    }
  });

  it('says why it can not decide', () => {
    expect(ofNoDifference(0, 100, 0.1)).toEqual({ missing: 'no-variance' });
    expect(ofNoDifference(1, 1, 0.1)).toEqual({ missing: 'not-enough-data' });
    expect(ofNoDifference(Number.NaN, 10, 0.1)).toEqual({ missing: 'not-enough-data' });
    expect(() => ofNoDifference(1, 10, -0.1)).toThrow('margin -0.1');
  });
});

function widthAtItsTightest(rhoSquared: number): number {
  return asymptoticHalfWidth(1, 5_000, 0.05, rhoSquared);
}

function ofNoDifference(standardError: number, n: number, margin: number) {
  return asymptoticNonInferiority({ difference: 0, standardError, n }, margin, 0.05);
}
