import { describe, expect, it } from 'vitest';
import { hit, initialTilt, lnEMoreOften } from './tilt.js';
import {
  discountedTilt,
  initialTailFall,
  isHardlyBeyond,
  noteNewest,
  noteTailFall,
  surelyBeyondFew,
  tailEndLevels,
  tailSteepness,
} from './unlike-tails.js';

/** Values at the middles of `n` equally likely parts of a law. */
function fallOf(quantile: (p: number) => number, ends: Parameters<typeof noteTailFall>[1], n = 20_000) {
  const fall = initialTailFall();
  for (let k = 0; k < n; k++) noteTailFall(fall, ends, quantile((k + 0.5) / n));
  return fall;
}

/** Pareto's law, of which 5 % lie beyond 1: its tail falls as x^−index. */
const pareto =
  (index: number) =>
  (p: number): number =>
    ((1 - p) / 0.05) ** (-1 / index);

const levels = tailEndLevels(0.95, 1_000);
const ends = {
  over: 1,
  low: pareto(2)(levels.low),
  high: pareto(2)(levels.high),
  further: pareto(2)(levels.further),
  surely: pareto(2)(levels.surely as number),
};
const control = fallOf(pareto(2), ends);

describe('how steeply a tail falls', () => {
  it('is the ratio of the indices of two power laws, of any scale', () => {
    for (const index of [1, 2, 4, 6]) {
      expect(tailSteepness(control, fallOf(pareto(index), ends))).toBeCloseTo(index / 2, 1);
    }
    expect(
      tailSteepness(
        control,
        fallOf((p) => 1.2 * pareto(6)(p), ends),
      ),
    ).toBeCloseTo(3, 1);
  });

  it('is looked for where the odds are doubled and halved, and three values further out', () => {
    expect(levels).toEqual({
      low: expect.closeTo(1 - 2 / 21, 12),
      high: expect.closeTo(1 - 1 / 39, 12),
      further: expect.closeTo(0.953, 12),
      surely: expect.closeTo(0.95 + 3 * Math.sqrt(0.0475 / 1_000), 12),
    });
    expect(tailEndLevels(0.95, 20).further).toBe(1);
  });

  it('is one and a half before there are values, and nothing is discounted by it', () => {
    const unknown = tailSteepness(initialTailFall(), initialTailFall());
    expect(unknown).toBeCloseTo(1.5, 12);
    const tilt = initialTilt();
    hit(tilt, 'candidate', 0.5);
    expect(discountedTilt(tilt, unknown)).toEqual(tilt);
  });
});

/** Twenty-four values of which so many lie together, just beyond the limit of 1. */
const newest = (together: number, at: number) =>
  Array.from({ length: 24 }, (_, index) => (index < together ? at : index / 24));

const spread = () => newest(0, 0);

function around(candidate: Parameters<typeof tailSteepness>[1], ofControl = control) {
  return { ends, fall: { control: ofControl, candidate } };
}

describe('a value between a limit and the place further out', () => {
  it('is hardly beyond the limit, unless the tail falls less steeply than control’s for sure', () => {
    expect(isHardlyBeyond(around(control), ends.further, spread)).toBe(true);
    expect(isHardlyBeyond(around(fallOf(pareto(1), ends)), ends.further, spread)).toBe(false);
    expect(isHardlyBeyond(around(control), ends.further + 1e-9, spread)).toBe(false);
    expect(isHardlyBeyond(around(initialTailFall(), initialTailFall()), ends.further, spread)).toBe(true);
  });

  it('is hardly beyond as far as control’s quantile may be where six of twenty-four lie together, or might', () => {
    const value = (ends.further + ends.surely) / 2;
    const crowded = (values: readonly number[], at = value) => isHardlyBeyond(around(control), at, () => values);
    expect([5, 6, 24].map((together) => crowded(newest(together, value)))).toEqual([false, true, true]);
    expect(crowded(newest(24, value - (ends.surely - 1) / 15))).toBe(false);
    expect([4, 18, 19].map((known) => crowded(newest(0, 0).slice(0, known)))).toEqual([true, true, false]);
    expect(crowded(newest(24, ends.surely), ends.surely)).toBe(true);
    expect(crowded(newest(24, ends.surely + 1e-9), ends.surely + 1e-9)).toBe(false);
  });

  it('has its place from the largest value once that is surely beyond, before from how far the limit is from the median', () => {
    expect([128, 129, 171, 400].map((n) => tailEndLevels(0.95, n).surely)).toEqual([
      null,
      1,
      1,
      expect.closeTo(0.9827, 4),
    ]);
    expect(surelyBeyondFew(3, 1, 0.95, 20)).toBeCloseTo(9, 12);
    expect(surelyBeyondFew(3, 1, 0.95, 60)).toBeCloseTo(5, 12);
  });

  it('is compared with the twenty-four newest', () => {
    const values: number[] = [];
    for (let value = 1; value <= 30; value++) noteNewest(values, value);
    expect(values).toEqual(Array.from({ length: 24 }, (_, index) => 7 + index));
  });
});

describe('a discounted tilt', () => {
  const tilt = initialTilt();
  for (let k = 0; k < 60; k++) hit(tilt, k % 3 === 0 ? 'control' : 'candidate', 0.5);

  it('counts an event for so much less as the candidate has of the traffic and as its tail is steeper', () => {
    expect(discountedTilt(tilt, 3).hits.get(0.5)).toEqual({ control: 20 / 4.75, candidate: 40 / 4.75 });
    const small = initialTilt();
    hit(small, 'candidate', 0.01);
    expect(discountedTilt(small, 3).hits.get(0.01)?.candidate).toBeCloseTo(1 / 1.075, 12);
  });

  it('says less the steeper the tail is', () => {
    const said = [0.3, 1, 2, 3, 5].map((steepness) => lnEMoreOften(discountedTilt(tilt, steepness), 0));
    expect(said[0]).toBe(lnEMoreOften(tilt, 0));
    expect(said).toEqual(said.toSorted((a, b) => b - a));
    expect(said[3]).toBeLessThan((said[1] as number) / 2);
  });
});
