import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import {
  type Arm,
  hit,
  initialKnownShares,
  initialTilt,
  isKnownLess,
  type KnownShares,
  lnELessOften,
  lnEMoreOften,
  lnKnownRatio,
  observeKnown,
  propensityAt,
} from '../index.js';

const SHARE = 0.25;

function sharesOf(control: [known: number, unknown: number], candidate: [known: number, unknown: number]): KnownShares {
  const shares = initialKnownShares();
  const observe = (arm: Arm, [known, unknown]: [number, number]): void => {
    for (let n = 0; n < known; n++) observeKnown(shares, arm, SHARE, true);
    for (let n = 0; n < unknown; n++) observeKnown(shares, arm, SHARE, false);
  };
  observe('control', control);
  observe('candidate', candidate);
  return shares;
}

describe('the ratio of known shares', () => {
  it('is 1 where all values are known, however few, and under a propensity that was not seen', () => {
    expect(lnKnownRatio(sharesOf([3, 0], [0, 0]), SHARE)).toEqual({ low: 0, high: 0 });
    expect(lnKnownRatio(sharesOf([20, 80], [99, 1]), 0.5)).toEqual({ low: 0, high: 0 });
  });

  it('has the bounds of Katz with Walter’s ½, rounded outwards to .02', () => {
    // ln(90.5/100.5 ÷ 380.5/400.5) = −.0535; √(10/(90.5·100.5) + 20/(380.5·400.5)) = .0351
    const { low, high } = lnKnownRatio(sharesOf([380, 20], [90, 10]), SHARE);
    expect(low).toBeCloseTo(-0.14, 9);
    expect(high).toBeCloseTo(0.02, 9);
  });

  it('follows a share that changes, of both variants at the same time', () => {
    const shares = initialKnownShares();
    const random = simulationRandom(1);
    for (const known of [0.2, 1]) {
      for (let unit = 0; unit < 60_000; unit++) {
        const arm = random.uniform() < SHARE ? 'candidate' : 'control';
        observeKnown(shares, arm, SHARE, arm === 'candidate' || random.uniform() < known);
      }
    }
    const { low, high } = lnKnownRatio(shares, SHARE);
    expect(low).toBeGreaterThanOrEqual(-0.02);
    expect(high).toBeLessThanOrEqual(0.04);
  });

  it('says which variant has fewer, and nothing of a few', () => {
    const fewer = sharesOf([20, 80], [99, 1]);
    expect([isKnownLess(fewer, SHARE, 'control'), isKnownLess(fewer, SHARE, 'candidate')]).toEqual([true, false]);
    expect(isKnownLess(sharesOf([990, 10], [10, 0]), SHARE, 'control')).toBe(false);
    expect(isKnownLess(sharesOf([93, 7], [93, 7]), SHARE, 'control')).toBe(false);
  });

  it('is a mirror image when the variants are', () => {
    const count = fc.tuple(fc.nat(300), fc.nat(300));
    const property = fc.property(count, count, (one, other) => {
      const [there, back] = [lnKnownRatio(sharesOf(one, other), SHARE), lnKnownRatio(sharesOf(other, one), SHARE)];
      expect(there.low).toBeCloseTo(-back.high, 9);
      expect(there.low).toBeLessThanOrEqual(there.high);
    });
    fc.assert(property, { numRuns: 50, seed: 3 });
  });

  it('is the boundary of a tilt: moving the propensity by it is moving the boundary', () => {
    for (const b of [-1.2, 0, 0.7]) {
      const plain = initialTilt();
      const moved = initialTilt();
      for (let n = 0; n < 40; n++) {
        const arm = n % 3 === 0 ? 'candidate' : 'control';
        hit(plain, arm, SHARE);
        hit(moved, arm, propensityAt(SHARE, b));
      }
      expect(lnEMoreOften(moved, 0)).toBeCloseTo(lnEMoreOften(plain, b), 9);
      expect(lnELessOften(moved, 0)).toBeCloseTo(lnELessOften(plain, b), 9);
    }
  });
});
