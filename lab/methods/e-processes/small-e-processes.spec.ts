import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lnEBernoulli } from './bernoulli-mixture.js';
import { lnEEventCounts } from './event-counts.js';
import {
  betHedged,
  type HedgedBetting,
  initialHedgedBetting,
  lnEHedged,
  mergeHedgedBetting,
} from './hedged-betting.js';
import { betOnPair, initialKernelBetting } from './kernel-betting.js';
import { lnENormalMixture } from './normal-mixture-ratio.js';
import { pairPropensity } from './pair-propensity.js';
import {
  blockDesign,
  initialSafeTwoByTwo,
  mergeSafeTwoByTwo,
  observeBlock,
  type SafeTwoByTwo,
} from './safe-two-by-two.js';
import { lnESampleRatio } from '#libs/statistics';
import { initialSplit, observeSplit } from './sequential-split.js';

describe('one rate against a target', () => {
  it('says nothing without trials, and the same of successes and failures swapped', () => {
    expect(lnEBernoulli(0, 0, 0.3)).toBe(0);
    expect(lnEBernoulli(30, 200, 0.1)).toBeCloseTo(lnEBernoulli(170, 200, 0.9), 9);
  });

  it('has mean 1 under the null, whatever the rate', () => {
    // All sequences of 12 trials, by their number of successes.
    for (const rate of [0.02, 0.4, 0.9]) {
      let mean = 0;
      let ways = 1;
      for (let s = 0; s <= 12; s++) {
        mean += ways * rate ** s * (1 - rate) ** (12 - s) * Math.exp(lnEBernoulli(s, 12, rate));
        ways = (ways * (12 - s)) / (s + 1);
      }
      expect(mean).toBeCloseTo(1, 9);
    }
  });

  it('refuses targets and counts that are none', () => {
    expect(() => lnEBernoulli(1, 2, 0)).toThrow('rate 0');
    expect(() => lnEBernoulli(3, 2, 0.5)).toThrow('3 successes of 2 trials');
  });
});

describe('counts of events', () => {
  it('says nothing without events and flips with the arms', () => {
    expect(lnEEventCounts(0, 0, 0.1)).toBe(0);
    expect(lnEEventCounts(5, 30, 0.2)).toBeCloseTo(lnEEventCounts(30, 5, 0.8), 9);
    expect(() => lnEEventCounts(1, 1, 1)).toThrow('share 1');
    expect(() => lnEEventCounts(-1, 1, 0.5)).toThrow('-1 and 1 events');
  });
});

describe('sequential split', () => {
  it("is the sample ratio's e-process in the end, however the units are batched", () => {
    const shares = [0.5, 0.3, 0.2];
    const prior = shares.map((share) => 40 * share);
    const atOnce = observeSplit(initialSplit(prior), [30, 10, 9], shares);
    const inParts = observeSplit(observeSplit(initialSplit(prior), [29, 0, 0], shares), [1, 10, 9], shares);
    const lnE = lnESampleRatio([30, 10, 9], shares, 40);
    expect(atOnce.mixture - atOnce.fixed).toBeCloseTo(lnE, 9);
    expect(inParts.mixture - inParts.fixed).toBeCloseTo(lnE, 9);
  });

  it('refuses counts and priors that do not fit', () => {
    expect(() => initialSplit([1, 0])).toThrow('positive finite weights');
    expect(() => observeSplit(initialSplit([1, 1]), [1], [0.5, 0.5])).toThrow('expected one each of 2 variants');
    expect(() => observeSplit(initialSplit([1, 1]), [1, 1], [1, 0])).toThrow('expected ≥ 0 and > 0');
  });
});

describe('mSPRT', () => {
  it('says nothing without values and does not know directions', () => {
    expect(lnENormalMixture(0, 3, { sigma: 1, tau: 1 })).toBe(0);
    expect(lnENormalMixture(50, -0.4, { sigma: 1, tau: 0.2 })).toBe(lnENormalMixture(50, 0.4, { sigma: 1, tau: 0.2 }));
    expect(() => lnENormalMixture(5, 0, { sigma: 0, tau: 1 })).toThrow('sigma 0');
  });
});

describe('safe 2 × 2', () => {
  const design = blockDesign(2, 1);
  const block = fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 1 }));
  const fold = (blocks: readonly (readonly [number, number])[]): SafeTwoByTwo => {
    const state = initialSafeTwoByTwo();
    for (const [control, candidate] of blocks) observeBlock(state, design, control, candidate);
    return state;
  };

  it('is finite for whatever comes, merges commutatively, and the empty state is neutral', () => {
    const part = fc.array(block, { maxLength: 40 }).map(fold);
    fc.assert(
      fc.property(part, part, (a, b) => {
        expect(Number.isFinite(a.lnE)).toBe(true);
        expect(mergeSafeTwoByTwo(a, b)).toEqual(mergeSafeTwoByTwo(b, a));
        expect(mergeSafeTwoByTwo(a, initialSafeTwoByTwo())).toEqual(a);
      }),
    );
  });

  it('multiplies by a mean of at most 1 at every rate, after any past', () => {
    fc.assert(
      fc.property(fc.array(block, { maxLength: 12 }), fc.double({ min: 0, max: 1, noNaN: true }), (past, rate) => {
        const before = fold(past).lnE;
        let mean = 0;
        for (const [control, ways] of [
          [0, 1],
          [1, 2],
          [2, 1],
        ] as const) {
          for (const candidate of [0, 1]) {
            const s = control + candidate;
            mean +=
              ways * rate ** s * (1 - rate) ** (3 - s) * Math.exp(fold([...past, [control, candidate]]).lnE - before);
          }
        }
        expect(mean).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });

  it('refuses blocks that are none', () => {
    expect(() => blockDesign(0, 1)).toThrow('block of 0 trials');
    expect(() => fold([[3, 0]])).toThrow('3 successes in a block of 2');
  });
});

describe('hedged betting', () => {
  const design = { mean: 0.3 };
  const fold = (values: readonly number[], by = design): HedgedBetting => {
    const state = initialHedgedBetting();
    for (const value of values) betHedged(state, by, value);
    return state;
  };
  const values = fc.array(fc.double({ min: -1, max: 2 }), { maxLength: 50 });

  it('skips what is no number, clips the rest, and stays finite', () => {
    expect(betHedged(initialHedgedBetting(), design, Number.NaN)).toBe(false);
    expect(fold([Infinity, -Infinity])).toEqual(fold([1, 0]));
    expect(lnEHedged(fold([]), design)).toBe(Math.log(0.5));
    fc.assert(fc.property(values, (seen) => Number.isFinite(lnEHedged(fold(seen), design))));
  });

  it('mirrors with values and mean mirrored, and merges commutatively', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const clipped = a.filter((value) => !Number.isNaN(value)).map((value) => Math.min(1, Math.max(0, value)));
        const mirrored = fold(
          clipped.map((value) => 1 - value),
          { mean: 0.7 },
        );
        expect(mirrored.lnUp).toBeCloseTo(fold(clipped).lnDown, 8);
        expect(mergeHedgedBetting(fold(a), fold(b))).toEqual(mergeHedgedBetting(fold(b), fold(a)));
      }),
    );
  });

  it('finds a mean that is another one', () => {
    expect(lnEHedged(fold(Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 0.4 : 0.5))), design)).toBeGreaterThan(
      5,
    );
    expect(() => fold([0.1], { mean: 1 })).toThrow('mean 1');
  });
});

function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return (a[0] as number) * (b[0] as number);
}

describe('kernel betting', () => {
  it('keeps its wealth for equal pairs, and refuses kernels beyond [0, 1]', () => {
    const state = initialKernelBetting();
    for (let i = 0; i < 20; i++) expect(betOnPair(state, () => 1, [i], [i])).toBe(0);
    expect(state.lnE).toBe(0);
    const unbounded = initialKernelBetting();
    betOnPair(unbounded, product, [0], [3]);
    expect(() => betOnPair(unbounded, product, [0], [3])).toThrow('payoff 4.5: expected a kernel');
  });
});

describe('propensity of a pair', () => {
  it("is the candidate's part of what the two get", () => {
    expect(pairPropensity(0.1, 0.3)).toBeCloseTo(0.25, 12);
    expect([pairPropensity(0, 1), pairPropensity(1, 0), pairPropensity(0, 0)]).toEqual([0, 1, 0]);
    expect(() => pairPropensity(-1, 1)).toThrow('weights -1 and 1');
  });
});
