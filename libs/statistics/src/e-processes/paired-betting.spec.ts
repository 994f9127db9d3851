import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  betPaired,
  initialPairedBetting,
  lnEPairedHarmful,
  lnEPairedNonInferior,
  mergePairedBetting,
  type PairedBetting,
} from './paired-betting.js';

const any = fc.oneof(fc.double({ min: -2, max: 3 }), fc.constantFrom(Infinity, -Infinity, 0.5));

describe('paired betting', () => {
  const pairs = { largestDifference: 1, harmfulAt: [0, 0.1, -0.1, 1], nonInferiorAt: [0, 0.1, -0.1, 1] };
  const fold = (differences: readonly number[]): PairedBetting => {
    const state = initialPairedBetting(pairs);
    for (const difference of differences) betPaired(state, pairs, difference);
    return state;
  };
  const differences = fc.array(any, { maxLength: 60 });

  it('says nothing without pairs, skips what has no difference, clips infinite ones', () => {
    expect(lnEPairedHarmful(fold([]), 0)).toBe(0);
    expect(betPaired(initialPairedBetting(pairs), pairs, Number.NaN)).toBe(false);
    expect(fold([Infinity, -Infinity])).toEqual(fold([1, -1]));
    expect(() => betPaired(initialPairedBetting(pairs), { ...pairs, largestDifference: 0 }, 0)).toThrow('difference 0');
  });

  it('comes closer with the differences where a spread is expected of them, and proves harm from fewer pairs', () => {
    const far = { ...pairs, harmfulAt: [0, 0.1], nonInferiorAt: [] };
    const close = { ...far, usualSpread: 0.3 };
    const apart = Array.from({ length: 40 }, (_, i) => -0.2 + 0.02 * Math.sin(7 * i));
    const [wide, narrow] = [far, close].map((by) => {
      const state = initialPairedBetting(by);
      for (const difference of apart) betPaired(state, by, difference);
      return lnEPairedHarmful(state, 1);
    }) as [number, number];
    expect(narrow).toBeGreaterThan(wide + 1);
  });

  it('clips at each margin by itself: a margin that is far out makes no other one wait', () => {
    expect(lnEOfFirst([0.05, 4])).toBe(lnEOfFirst([0.05]));
    expect(lnEOfFirst([0.05, 4])).toBeGreaterThan(3);
  });

  it('is finite whatever arrives, ties included, flips with the sides, and merges commutatively', () => {
    fc.assert(
      fc.property(differences, differences, (a, b) => {
        const state = fold(a);
        const flipped = fold(a.map((difference) => -difference));
        for (const margin of [0, 1, 2, 3]) {
          expect(Number.isFinite(lnEPairedHarmful(state, margin))).toBe(true);
          expect(Number.isFinite(lnEPairedNonInferior(state, margin))).toBe(true);
        }
        expect(lnEPairedHarmful(flipped, 0)).toBeCloseTo(lnEPairedNonInferior(state, 0), 8);
        expect(mergePairedBetting(state, fold(b))).toEqual(mergePairedBetting(fold(b), state));
        expect(mergePairedBetting(state, fold([]))).toEqual(state);
      }),
    );
  });

  it('proves equal pairs within a margin, and harm beyond it', () => {
    expect(lnEPairedNonInferior(fold(Array.from({ length: 60 }, () => 0)), 1)).toBeGreaterThan(3);
    expect(lnEPairedHarmful(fold(Array.from({ length: 60 }, () => -0.3)), 1)).toBeGreaterThan(3);
  });
});

/** ln E at the first of the margins, of differences around 0. */
function lnEOfFirst(nonInferiorAt: readonly number[]): number {
  const design = { largestDifference: 10, usualSpread: 0.1, harmfulAt: [], nonInferiorAt };
  const state = initialPairedBetting(design);
  for (let i = 0; i < 50; i++) betPaired(state, design, 0.05 * Math.sin(7 * i));
  return lnEPairedNonInferior(state, 0);
}
