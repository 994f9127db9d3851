import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logMeanExp, logSumExp } from '../distributions/log-space.js';
import {
  BET_FRACTIONS,
  BOLD_WEIGHTS,
  initialBets,
  lnEOfBets,
  placeBets,
  placeEveryBet,
  placeTwoRounds,
} from './bets.js';
import { decodeWealth, encodeWealth, lnMeanWealth, lnWeightedWealth, mergeWealth, type Wealth } from './wealth.js';

const share = fc.oneof(
  fc.double({ min: -1, max: 1, noNaN: true }),
  fc.constantFrom(-1, 0, 1e6, 1e90, 1e300, Number.POSITIVE_INFINITY),
);

function fold(shares: readonly number[], wealth: Wealth = initialBets(1)): Wealth {
  for (const value of shares) placeBets(wealth, 0, value);
  return wealth;
}

describe('wealth of bets', () => {
  it('is 1 without factors', () => {
    expect(lnEOfBets(initialBets(3), 1)).toBe(0);
  });

  it('is what a sum of logarithms is, far beyond what a double holds', () => {
    for (const each of [-0.999, -0.3, 1e-3, 5]) {
      const shares = Array.from({ length: 20_000 }, (_, index) => each * (1 + 0.1 * Math.sin(index)));
      const cut = shares.map((value) => Math.max(-1, value));
      const logs = BET_FRACTIONS.map((f) => cut.reduce((sum, value) => sum + Math.log(1 + f * value), 0));
      const reached = lnEOfBets(fold(cut), 0);
      expect(Math.abs(reached - logMeanExp(logs))).toBeLessThan(1e-12 * Math.max(1, Math.abs(reached)));
    }
  });

  it('mixes with weights as it does without, products too far apart for one exponent included', () => {
    const equal = BET_FRACTIONS.map(() => 1 / BET_FRACTIONS.length);
    expect(BOLD_WEIGHTS.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 15);
    expect(BOLD_WEIGHTS).toHaveLength(BET_FRACTIONS.length);
    for (const each of [-0.999, -0.3, 1e-3, 5]) {
      const shares = Array.from({ length: 20_000 }, () => each);
      const wealth = fold(shares);
      expect(lnWeightedWealth(wealth, 0, equal)).toBeCloseTo(lnEOfBets(wealth, 0), 9);
      const logs = BET_FRACTIONS.map((f, k) => 20_000 * Math.log1p(f * each) + Math.log(BOLD_WEIGHTS[k] as number));
      const wanted = logSumExp(logs);
      expect(Math.abs(lnEOfBets(wealth, 0, BOLD_WEIGHTS) - wanted)).toBeLessThan(1e-11 * Math.max(1, Math.abs(wanted)));
    }
    expect(lnEOfBets(initialBets(2), 1, BOLD_WEIGHTS)).toBeCloseTo(0, 15);
  });

  it('is the same to the bit whether two rounds are placed at once or one after the other', () => {
    const round = fc.array(share, { minLength: 3, maxLength: 3 }).map((wins) => Float64Array.from(wins));
    // Long enough for products to leave a mantissa's range, upwards and downwards.
    const rounds = fc.array(fc.tuple(round, round, fc.integer({ min: 1, max: 150 })), { maxLength: 6 });
    fc.assert(
      fc.property(rounds, (all) => {
        const [atOnce, others] = [initialBets(2), initialBets(1)];
        const [oneByOne, othersOneByOne] = [initialBets(2), initialBets(1)];
        for (const [first, second, times] of all) {
          for (let time = 0; time < times; time++) {
            placeTwoRounds(Float64Array.from(first), second, atOnce, 2, others, 1);
            placeEveryBet(first, oneByOne, 0, 2, othersOneByOne, 1);
            placeEveryBet(second, oneByOne, 0, 2, othersOneByOne, 1);
          }
        }
        expect([...atOnce, ...others]).toEqual([...oneByOne, ...othersOneByOne]);
      }),
    );
  });

  it('is finite whatever the factors', () => {
    fc.assert(
      fc.property(fc.array(share, { maxLength: 40 }), (shares) => {
        const wealth = fold(shares);
        expect([...wealth].every(Number.isFinite)).toBe(true);
        expect(Number.isFinite(lnEOfBets(wealth, 0))).toBe(true);
      }),
    );
  });

  it('continues bit for bit after a passage through JSON', () => {
    fc.assert(
      fc.property(fc.array(share, { maxLength: 40 }), fc.array(share, { maxLength: 40 }), (before, after) => {
        const thawed = decodeWealth(JSON.parse(JSON.stringify(encodeWealth(fold(before)))) as number[]);
        expect(fold(after, thawed)).toEqual(fold([...before, ...after]));
      }),
    );
  });

  it('keeps the exponents of neighbours apart, whichever way each has gone', () => {
    const scaled = [1.5, 1, 1, 1, 1, 1, 1, -3, 4, 0, -1, 100_000, -100_000, 7];
    expect(encodeWealth(decodeWealth(scaled))).toEqual(scaled);
    expect(lnMeanWealth(decodeWealth(scaled), 0, 1)).toBeCloseTo(Math.log(1.5) - 3 * 256 * Math.LN2, 9);
    expect(lnMeanWealth(decodeWealth(scaled), 5, 1)).toBeCloseTo(-100_000 * 256 * Math.LN2, 3);
  });

  it('merges in any order, and the empty wealth is neutral', () => {
    const part = fc.array(share, { maxLength: 40 }).map((shares) => fold(shares));
    fc.assert(
      fc.property(part, part, (a, b) => {
        expect(mergeWealth(a, b)).toEqual(mergeWealth(b, a));
        expect(mergeWealth(a, initialBets(1))).toEqual(a);
        const apart = BET_FRACTIONS.map((_, k) => lnMeanWealth(a, k, 1) + lnMeanWealth(b, k, 1));
        apart.forEach((sum, k) => expect(lnMeanWealth(mergeWealth(a, b), k, 1)).toBeCloseTo(sum, 9));
      }),
    );
    expect(() => mergeWealth(initialBets(1), initialBets(2))).toThrow('their margins differ');
  });
});
