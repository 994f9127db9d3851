import { simulationRandom } from '#libs/testing/random';
import { describe, expect, it } from 'vitest';
import { BET_FRACTIONS } from './bets.js';
import {
  initialLimit,
  type LimitEvidence,
  mergeLimits,
  type MeanLimit,
  observeLimit,
  readLimit,
} from './mean-limit.js';

const AT_MOST_5_PERCENT: MeanLimit = { lo: 0, hi: 1, limit: 0.05 };

function after(values: readonly number[], limit = AT_MOST_5_PERCENT): LimitEvidence {
  const state = initialLimit();
  for (const value of values) observeLimit(state, limit, value, true);
  return state;
}

const lnMean = (wins: readonly number[]): number =>
  Math.log(
    BET_FRACTIONS.reduce((sum, fraction) => sum + wins.reduce((all, win) => all * (1 + fraction * win), 1), 0) /
      BET_FRACTIONS.length,
  );

describe('an absolute limit of a mean', () => {
  it('multiplies what each value wins, mixed over the bets', () => {
    const { lnEBeyond, lnEWithin } = readLimit(after([0, 1, 0]));
    const lost = 0.05 / 0.05;
    expect(lnEBeyond).toBeCloseTo(lnMean([-lost, 0.95 / 0.05, -lost]), 12);
    expect(lnEWithin).toBeCloseTo(lnMean([0.05 / 0.95, -1, 0.05 / 0.95]), 12);
  });

  it('is proven to be kept by values that never reach it, and broken by a few that all do', () => {
    expect(readLimit(after(Array.from({ length: 120 }, () => 0))).lnEWithin).toBeGreaterThan(Math.log(20));
    expect(readLimit(after(Array.from({ length: 3 }, () => 1))).lnEBeyond).toBeGreaterThan(Math.log(20));
  });

  it('clips what lies outside of its bounds, infinite values too, and skips what is no number', () => {
    const cost: MeanLimit = { lo: -8, hi: 10, limit: 1 };
    expect(readLimit(after([Infinity, 400], cost))).toEqual(readLimit(after([10, 10], cost)));
    expect(after([Number.NaN], cost)).toEqual(initialLimit());
  });

  it('says on which side the mean is with what lies beyond the bounds, but for the value furthest out', () => {
    const cost: MeanLimit = { lo: -8, hi: 10, limit: 1 };
    const one = [...Array.from({ length: 99 }, () => 0.5), 100];
    expect(readLimit(after(one, cost)).mean.high).toBeCloseTo(0.595, 12);
    const two = after([...one, ...one], cost);
    expect(readLimit(two).mean).toEqual({ low: expect.closeTo(0.595, 12), high: expect.closeTo(0.595 + 90 / 200, 12) });
    const low = after([...Array.from({ length: 98 }, () => 3), -108, -108], cost);
    expect(readLimit(low).mean).toEqual({ low: expect.closeTo(2.78 - 1, 12), high: expect.closeTo(2.78, 12) });
  });

  it('sees that it is broken now after a long time within, and that it is kept again', () => {
    const state = after(Array.from({ length: 5_000 }, (_, index) => Number(index % 100 === 0)));
    expect(readLimit(state).isBrokenNow).toBe(false);
    for (let index = 0; index < 8; index++) observeLimit(state, AT_MOST_5_PERCENT, 1, false);
    expect(readLimit(state)).toMatchObject({ isBrokenNow: true });
    expect(readLimit(state).lnEWithin).toBeGreaterThan(Math.log(20));
    for (let index = 0; index < 200; index++) observeLimit(state, AT_MOST_5_PERCENT, 0, false);
    expect(readLimit(state).isBrokenNow).toBe(false);
  });

  it('adds up over disjoint parts, whichever is named first', () => {
    const random = simulationRandom(1);
    const parts = [0, 1].map(() => after(Array.from({ length: 300 }, () => Number(random.uniform() < 0.02))));
    const [a, b] = parts as [LimitEvidence, LimitEvidence];
    expect(mergeLimits(a, b)).toEqual(mergeLimits(b, a));
    expect(readLimit(mergeLimits(a, b)).lnEWithin).toBeGreaterThan(readLimit(a).lnEWithin);
    expect(mergeLimits(a, initialLimit())).toEqual(a);
  });
});
