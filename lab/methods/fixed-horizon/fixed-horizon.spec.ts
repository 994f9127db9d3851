import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alternative } from './alternative.js';
import { brunnerMunzelTest } from './brunner-munzel.js';
import { equivalenceTest, nonInferiorityTest, pairedEquivalenceTest, pairedNonInferiorityTest } from './equivalence.js';
import { mannWhitneyTest, MOST_EXACT_PAIRS } from './mann-whitney.js';
import { mcnemarTest } from './mcnemar.js';
import { proportionInterval } from './proportion-interval.js';
import { pairwiseProportionTests, proportionsChiSquareTest } from './proportions-chi-square.js';
import { proportionDifferenceInterval, proportionRatioInterval } from './two-proportion-intervals.js';
import { twoProportionTest } from './two-proportions.js';
import { welchTest } from './welch.js';

const mirrored: Readonly<Record<Alternative, Alternative>> = {
  'two-sided': 'two-sided',
  greater: 'less',
  less: 'greater',
};
const alternatives = Object.keys(mirrored) as Alternative[];
const value = fc.integer({ min: -20, max: 20 }).map((tenths) => tenths / 10);
const sample = fc.array(value, { minLength: 1, maxLength: 12 });
const ranked = fc.array(fc.oneof(value, fc.constant(Infinity)), { minLength: 1, maxLength: 12 });
const proportion = fc
  .tuple(fc.nat({ max: 60 }), fc.nat({ max: 60 }))
  .map(([successes, failures]) => ({ successes, trials: successes + failures }));

function answered<T extends object>(answer: T): Exclude<T, { refused: unknown }> {
  if ('refused' in answer) throw new Error(`refused: ${String(answer.refused)}`);
  return answer as Exclude<T, { refused: unknown }>;
}

/** What the two say is the same, or both refuse for the same reason. */
function compared<T extends object>(
  one: T,
  other: T,
  compare: (one: Exclude<T, { refused: unknown }>, other: Exclude<T, { refused: unknown }>) => void,
): void {
  if ('refused' in one || 'refused' in other) expect(one).toEqual(other);
  else compare(answered(one), answered(other));
}

describe("Welch's t test", () => {
  it('says the same of values and of their moments', () => {
    const summary = { n: 4, mean: 2.5, variance: 5 / 3 };
    expect(welchTest([1, 2, 3, 4], [0, 4, 8])).toEqual(welchTest(summary, Float64Array.of(0, 4, 8)));
  });

  it('swapped arms flip the sign and keep the p of the mirrored alternative', () => {
    fc.assert(
      fc.property(sample, sample, fc.constantFrom(...alternatives), (x, y, alternative) => {
        const one = welchTest(x, y, { alternative });
        compared(one, welchTest(y, x, { alternative: mirrored[alternative] }), (usual, swapped) => {
          expect(swapped.difference + usual.difference).toBeCloseTo(0, 15);
          expect(swapped.statistic + usual.statistic).toBeCloseTo(0, 15);
          expect(swapped.p).toBeCloseTo(usual.p, 12);
          expect(swapped.interval.low).toBeCloseTo(-usual.interval.high, 10);
        });
      }),
    );
  });

  it('rejects at alpha exactly where the null difference lies outside the interval', () => {
    const options = fc.record({
      alternative: fc.constantFrom(...alternatives),
      alpha: fc.double({ min: 0.001, max: 0.5, noNaN: true }),
      nullDifference: value,
    });
    fc.assert(
      fc.property(sample, sample, options, (x, y, given) => {
        const test = welchTest(x, y, given);
        if ('refused' in test || Math.abs(test.p - given.alpha) < 1e-9) return;
        const { low, high } = test.interval;
        expect(given.nullDifference < low || given.nullDifference > high).toBe(test.p < given.alpha);
      }),
    );
  });

  it('refuses with a reason', () => {
    expect(welchTest([], [1, 2])).toEqual({ refused: 'too-few-values' });
    expect(welchTest([1], [1, 2])).toEqual({ refused: 'too-few-values' });
    expect(welchTest([1, null], [1, 2])).toEqual({ refused: 'not-a-number' });
    expect(welchTest([1, Number.NaN], [1, 2])).toEqual({ refused: 'not-a-number' });
    expect(welchTest([1, 2], [1, Infinity])).toEqual({ refused: 'not-finite' });
    expect(welchTest([1e300, -1e300], [1, 2])).toEqual({ refused: 'not-finite' });
    expect(welchTest([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], [0.3, 0.3, 0.3])).toEqual({ refused: 'no-variance' });
    expect(welchTest({ n: 1, mean: 3, variance: 0 }, [1, 2])).toEqual({ refused: 'too-few-values' });
  });

  it('throws for moments no sample has and for an alpha that is none', () => {
    expect(() => welchTest({ n: 5, mean: 0, variance: -1 }, [1, 2])).toThrow('variance is -1');
    expect(() => welchTest({ n: 2.5, mean: 0, variance: 1 }, [1, 2])).toThrow('n is 2.5');
    expect(() => welchTest([1, 2], [1, 3], { alpha: 1 })).toThrow('alpha is 1');
  });

  it('keeps its degrees of freedom where squared variances would underflow', () => {
    const tiny = welchTest([1e-100, 2e-100, 4e-100], [1e-100, 3e-100]);
    const usual = welchTest([1, 2, 4], [1, 3]);
    compared(tiny, usual, (one, other) => {
      expect(one.df).toBeCloseTo(other.df, 10);
      expect(one.p).toBeCloseTo(other.p, 10);
    });
  });
});

describe('equivalence and non-inferiority', () => {
  it('p ≤ alpha exactly where the 1 − 2 alpha interval lies within the margin', () => {
    const margin = fc.double({ min: 0.05, max: 3, noNaN: true });
    const alpha = fc.double({ min: 0.01, max: 0.4, noNaN: true });
    fc.assert(
      fc.property(sample, sample, margin, alpha, (x, y, m, a) => {
        const test = equivalenceTest(x, y, { margin: m, alpha: a });
        if ('refused' in test || Math.abs(test.p - a) < 1e-9) return;
        expect(test.interval.low > -m && test.interval.high < m).toBe(test.p < a);
        const oneSide = answered(nonInferiorityTest(x, y, { margin: m, alpha: a }));
        expect(oneSide.p).toBe(test.aboveLower.p);
        expect(oneSide.lowerBound).toBeCloseTo(test.interval.low, 12);
      }),
    );
  });

  it('knows pairs by their differences', () => {
    const x = [1, 5, 9, 14];
    const y = [1.1, 4.8, 9.3, 13.9];
    // Far apart between pairs, close within: only the paired test can tell.
    expect(answered(pairedEquivalenceTest(x, y, { margin: 0.5 })).p).toBeLessThan(0.05);
    expect(answered(pairedNonInferiorityTest(x, y, { margin: 0.5 })).p).toBeLessThan(0.05);
    expect(answered(equivalenceTest(x, y, { margin: 0.5 })).p).toBeGreaterThan(0.4);
    expect(answered(pairedEquivalenceTest(x, y, { margin: 0.5 })).df).toBe(3);
  });

  it('swapped arms keep the p of equivalence', () => {
    fc.assert(
      fc.property(sample, sample, (x, y) => {
        compared(equivalenceTest(x, y, { margin: 1 }), equivalenceTest(y, x, { margin: 1 }), (one, other) => {
          expect(one.p).toBeCloseTo(other.p, 12);
          expect(one.difference + other.difference).toBeCloseTo(0, 15);
        });
      }),
    );
  });

  it('refuses with a reason and throws for what is no margin or no pairs', () => {
    const options = { margin: 1 };
    expect(equivalenceTest([1, 1], [1, 1], options)).toEqual({ refused: 'no-variance' });
    expect(pairedEquivalenceTest([1, 2, 3], [2, 3, 4], options)).toEqual({ refused: 'no-variance' });
    expect(pairedEquivalenceTest([1], [2], options)).toEqual({ refused: 'too-few-values' });
    expect(pairedEquivalenceTest([1, null], [2, 3], options)).toEqual({ refused: 'not-a-number' });
    expect(pairedNonInferiorityTest([1, Infinity], [2, Infinity], options)).toEqual({ refused: 'not-finite' });
    expect(() => pairedEquivalenceTest([1, 2], [1], options)).toThrow('pairs of 2 and 1 values');
    expect(() => equivalenceTest([1, 2], [1, 3], { margin: 0 })).toThrow('margin is 0');
    expect(() => equivalenceTest([1, 2], [1, 3], { margin: 1, alpha: 0.5 })).toThrow('alpha is 0.5');
  });
});

describe('Mann-Whitney U', () => {
  it('says whether it was exact or asymptotic', () => {
    const exact = answered(mannWhitneyTest([10, 11, 12], [1, 2, 3], { alternative: 'greater' }));
    expect(exact.method).toBe('exact');
    expect(exact.p).toBeCloseTo(0.05, 15);
    const options = { alternative: 'greater', method: 'asymptotic' } as const;
    const asymptotic = answered(mannWhitneyTest([10, 11, 12], [1, 2, 3], options));
    expect(asymptotic).toMatchObject({ method: 'asymptotic', continuity: true, u: 9, superiority: 1 });
    expect(asymptotic.p).toBeCloseTo(0.0404, 4);
    expect(answered(mannWhitneyTest([1, 2, 2], [2, 3])).method).toBe('asymptotic');
  });

  it('exact: agrees with counting all assignments of the ranks', () => {
    for (const [nx, ny] of [
      [1, 1],
      [2, 5],
      [4, 4],
      [5, 3],
    ] as const) {
      const n = nx + ny;
      const counts = new Map<number, number>();
      let all = 0;
      for (let subset = 0; subset < 2 ** n; subset++) {
        const ranks = Array.from({ length: n }, (_, place) => place).filter((place) => (subset >> place) & 1);
        if (ranks.length !== nx) continue;
        const u = ranks.reduce((sum, rank) => sum + rank, 0) - (nx * (nx - 1)) / 2;
        counts.set(u, (counts.get(u) ?? 0) + 1);
        all += 1;
      }
      const y = Array.from({ length: ny }, (_, index) => index + 1);
      // x all below the first `below` of y's values.
      for (let below = 0; below <= ny; below++) {
        const x = Array.from({ length: nx }, (_, index) => below + 0.5 + index / 100);
        const test = answered(mannWhitneyTest(x, y, { alternative: 'less' }));
        let atMost = 0;
        for (const [u, count] of counts) if (u <= test.u) atMost += count;
        expect(test.u).toBe(nx * below);
        expect(test.p).toBeCloseTo(atMost / all, 14);
      }
    }
  });

  it('swapped arms: U turns round, p is that of the mirrored alternative', () => {
    const options = fc.record({
      alternative: fc.constantFrom(...alternatives),
      method: fc.constantFrom('auto' as const, 'asymptotic' as const),
      continuity: fc.boolean(),
    });
    fc.assert(
      fc.property(ranked, ranked, options, (x, y, given) => {
        const swapped = mannWhitneyTest(y, x, { ...given, alternative: mirrored[given.alternative] });
        compared(mannWhitneyTest(x, y, given), swapped, (one, other) => {
          expect(other.u).toBe(x.length * y.length - one.u);
          expect(other.p).toBeCloseTo(one.p, 12);
        });
      }),
    );
  });

  it('depends on the order of the values only', () => {
    fc.assert(
      fc.property(sample, sample, (x, y) => {
        expect(mannWhitneyTest(x.map(Math.exp), y.map(Math.exp))).toEqual(mannWhitneyTest(x, y));
      }),
    );
  });

  it('takes timeouts as the slowest of all', () => {
    expect(mannWhitneyTest([1, 3, Infinity], [2, 4, 5, Infinity])).toEqual(mannWhitneyTest([1, 3, 9], [2, 4, 5, 9]));
  });

  it('refuses with a reason', () => {
    expect(mannWhitneyTest([], [1])).toEqual({ refused: 'too-few-values' });
    expect(mannWhitneyTest([1, null], [1])).toEqual({ refused: 'not-a-number' });
    expect(mannWhitneyTest([Number.NaN], [1])).toEqual({ refused: 'not-a-number' });
    expect(mannWhitneyTest([7, 7], [7])).toEqual({ refused: 'no-variance' });
    expect(mannWhitneyTest([Infinity], [Infinity])).toEqual({ refused: 'no-variance' });
    expect(mannWhitneyTest([1, 2], [2], { method: 'exact' })).toEqual({ refused: 'ties' });
    const many = Array.from({ length: MOST_EXACT_PAIRS + 1 }, (_, index) => index);
    expect(mannWhitneyTest(many, [0.5], { method: 'exact' })).toEqual({ refused: 'too-many-pairs' });
  });

  it('goes over from exact to asymptotic with a small step', () => {
    const x = Array.from({ length: 50 }, (_, index) => index);
    const y = x.map((rank) => 1.413 * rank + 0.1);
    const exact = answered(mannWhitneyTest(x, y));
    const asymptotic = answered(mannWhitneyTest(x, y, { method: 'asymptotic' }));
    expect(exact.method).toBe('exact');
    expect(exact.p).toBeGreaterThan(0.005);
    expect(exact.p).toBeLessThan(0.05);
    expect(Math.abs(exact.p - asymptotic.p)).toBeLessThan(5e-4);
  });
});

describe('Brunner-Munzel', () => {
  it('swapped arms turn the estimate round and keep the p of the mirrored alternative', () => {
    fc.assert(
      fc.property(ranked, ranked, fc.constantFrom(...alternatives), (x, y, alternative) => {
        const swapped = brunnerMunzelTest(y, x, { alternative: mirrored[alternative] });
        compared(brunnerMunzelTest(x, y, { alternative }), swapped, (one, other) => {
          expect(other.estimate).toBeCloseTo(1 - one.estimate, 12);
          expect(other.statistic).toBeCloseTo(-one.statistic, 8);
          expect(other.p).toBeCloseTo(one.p, 12);
          expect(other.interval.low).toBeCloseTo(1 - one.interval.high, 10);
        });
      }),
    );
  });

  it('estimates the share of pairs with x < y, ties half, and covers it by an interval within [0, 1]', () => {
    fc.assert(
      fc.property(ranked, ranked, (x, y) => {
        const test = brunnerMunzelTest(x, y);
        if ('refused' in test) return;
        const below = x.reduce((sum, a) => sum + y.reduce((s, b) => s + (a < b ? 1 : a === b ? 0.5 : 0), 0), 0);
        expect(test.estimate).toBeCloseTo(below / (x.length * y.length), 12);
        expect(test.interval.low).toBeGreaterThanOrEqual(0);
        expect(test.interval.high).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('refuses with a reason', () => {
    expect(brunnerMunzelTest([1], [1, 2])).toEqual({ refused: 'too-few-values' });
    expect(brunnerMunzelTest([1, null], [1, 2])).toEqual({ refused: 'not-a-number' });
    expect(brunnerMunzelTest([5, 5], [5, 5, 5])).toEqual({ refused: 'no-variance' });
    expect(brunnerMunzelTest([1, 2], [3, 4])).toEqual({ refused: 'complete-separation' });
    expect(brunnerMunzelTest([3, 3], [1, 2])).toEqual({ refused: 'complete-separation' });
  });
});

describe("McNemar's test", () => {
  it('swapped arms keep the p of the mirrored alternative', () => {
    const count = fc.nat({ max: 200 });
    const options = fc.record({
      alternative: fc.constantFrom(...alternatives),
      method: fc.constantFrom('exact' as const, 'asymptotic' as const),
      continuity: fc.boolean(),
    });
    fc.assert(
      fc.property(count, count, options, (firstOnly, secondOnly, given) => {
        const swapped = { firstOnly: secondOnly, secondOnly: firstOnly };
        compared(
          mcnemarTest({ firstOnly, secondOnly }, given),
          mcnemarTest(swapped, { ...given, alternative: mirrored[given.alternative] }),
          (one, other) => expect(one.p).toBeCloseTo(other.p, 12),
        );
      }),
    );
  });

  it('refuses without discordant pairs and throws for what is no count', () => {
    expect(mcnemarTest({ firstOnly: 0, secondOnly: 0 })).toEqual({ refused: 'no-discordant-pairs' });
    expect(() => mcnemarTest({ firstOnly: -1, secondOnly: 0 })).toThrow('firstOnly is -1');
  });
});

describe('proportions', () => {
  it('χ² of two samples is the square of the pooled z, and its p the two-sided one', () => {
    fc.assert(
      fc.property(proportion, proportion, (x, y) => {
        const z = twoProportionTest(x, y);
        const chiSquare = proportionsChiSquareTest([x, y]);
        if ('refused' in z || 'refused' in chiSquare) {
          expect(z).toEqual(chiSquare);
          return;
        }
        expect(chiSquare.statistic).toBeCloseTo(z.statistic ** 2, 9);
        expect(chiSquare.p).toBeCloseTo(z.p, 10);
      }),
    );
  });

  it('swapped arms flip differences and invert ratios', () => {
    fc.assert(
      fc.property(proportion, proportion, (x, y) => {
        for (const alternative of alternatives) {
          const swapped = twoProportionTest(y, x, { alternative: mirrored[alternative] });
          compared(twoProportionTest(x, y, { alternative }), swapped, (one, other) => {
            expect(one.difference + other.difference).toBeCloseTo(0, 15);
            expect(other.p).toBeCloseTo(one.p, 12);
          });
        }
        for (const method of ['newcombe', 'agresti-caffo', 'wald'] as const) {
          const swapped = proportionDifferenceInterval(y, x, method);
          compared(proportionDifferenceInterval(x, y, method), swapped, (one, other) => {
            expect(other.low).toBeCloseTo(-one.high, 12);
            expect(other.high).toBeCloseTo(-one.low, 12);
          });
        }
        for (const method of ['score', 'log'] as const) {
          const swapped = proportionRatioInterval(y, x, method);
          compared(proportionRatioInterval(x, y, method), swapped, (one, other) => {
            if (one.low > 0) expect(other.high * one.low).toBeCloseTo(1, 9);
            else expect(other.high).toBe(Infinity);
            expect(one.low).toBeLessThanOrEqual(one.high);
          });
        }
      }),
    );
  });

  it('the score interval of the ratio is that of the pooled z test at ratio 1', () => {
    fc.assert(
      fc.property(proportion, proportion, fc.double({ min: 0.01, max: 0.5, noNaN: true }), (x, y, alpha) => {
        const test = twoProportionTest(x, y);
        const interval = proportionRatioInterval(x, y, 'score', alpha);
        if ('refused' in test || 'refused' in interval || Math.abs(test.p - alpha) < 1e-9) return;
        expect(interval.low > 1 || interval.high < 1).toBe(test.p < alpha);
      }),
    );
  });

  it('the score interval of the ratio holds the estimate where all of an arm succeed', () => {
    // The lower end by maximising the restricted likelihood numerically.
    const { low, high } = answered(
      proportionRatioInterval({ successes: 5, trials: 31 }, { successes: 31, trials: 31 }),
    );
    expect(low).toBeCloseTo(0.070926244, 8);
    expect(high).toBeCloseTo(0.32634354, 7);
  });

  it('intervals of one proportion hold it, mirror with failures, and are exact at the ends', () => {
    fc.assert(
      fc.property(proportion, (given) => {
        const failures = { successes: given.trials - given.successes, trials: given.trials };
        for (const method of ['wilson', 'clopper-pearson', 'agresti-coull', 'wald'] as const) {
          compared(proportionInterval(given, method), proportionInterval(failures, method), (one, other) => {
            expect(other.low).toBeCloseTo(1 - one.high, 10);
            expect(one.low).toBeLessThanOrEqual(given.successes / given.trials);
            expect(one.high).toBeGreaterThanOrEqual(given.successes / given.trials);
          });
        }
      }),
    );
    for (const method of ['wilson', 'clopper-pearson'] as const) {
      expect(answered(proportionInterval({ successes: 0, trials: 9 }, method)).low).toBe(0);
      expect(answered(proportionInterval({ successes: 9, trials: 9 }, method)).high).toBe(1);
    }
  });

  it('pairs that refuse stay in the family', () => {
    const none = { successes: 0, trials: 20 };
    const pairs = pairwiseProportionTests([none, none, { successes: 9, trials: 20 }]);
    expect(pairs.map(({ first, second }) => [first, second])).toEqual([
      [0, 1],
      [0, 2],
      [1, 2],
    ]);
    expect(pairs[0]).toMatchObject({ test: { refused: 'no-variance' }, adjustedP: null });
    const raw = answered(proportionsChiSquareTest([none, { successes: 9, trials: 20 }])).p;
    expect(pairs[1]?.adjustedP).toBeCloseTo(3 * raw, 14);
  });

  it('refuses with a reason and throws for counts that can not be', () => {
    const some = { successes: 1, trials: 5 };
    const empty = { successes: 0, trials: 0 };
    const none = { successes: 0, trials: 5 };
    const all = { successes: 5, trials: 5 };
    expect(twoProportionTest(some, empty)).toEqual({ refused: 'no-trials' });
    expect(twoProportionTest(none, none)).toEqual({ refused: 'no-variance' });
    expect(twoProportionTest(none, all, { variance: 'unpooled' })).toEqual({ refused: 'no-variance' });
    expect(proportionsChiSquareTest([some])).toEqual({ refused: 'too-few-values' });
    expect(proportionsChiSquareTest([some, empty])).toEqual({ refused: 'no-trials' });
    expect(proportionsChiSquareTest([all, all, all])).toEqual({ refused: 'no-variance' });
    expect(proportionInterval(empty)).toEqual({ refused: 'no-trials' });
    expect(proportionInterval(none, 'wald')).toEqual({ refused: 'no-variance' });
    expect(proportionDifferenceInterval(empty, some)).toEqual({ refused: 'no-trials' });
    expect(proportionDifferenceInterval(none, all, 'wald')).toEqual({ refused: 'no-variance' });
    expect(proportionRatioInterval(none, none)).toEqual({ refused: 'no-variance' });
    expect(proportionRatioInterval(none, some, 'log')).toEqual({ refused: 'no-variance' });
    expect(proportionRatioInterval(all, all, 'log')).toEqual({ refused: 'no-variance' });
    expect(answered(proportionRatioInterval(none, some)).low).toBe(0);
    expect(answered(proportionRatioInterval(some, none)).high).toBe(Infinity);
    expect(() => twoProportionTest({ successes: 6, trials: 5 }, some)).toThrow('6 successes in 5 trials');
    expect(() => proportionInterval({ successes: 1.5, trials: 5 })).toThrow('successes is 1.5');
    expect(() => proportionInterval(some, 'wilson', 0)).toThrow('alpha is 0');
  });
});
