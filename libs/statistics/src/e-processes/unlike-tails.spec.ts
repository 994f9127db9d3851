import { describe, expect, it } from 'vitest';
import { hit, initialTilt, lnEMoreOften } from './tilt.js';
import {
  discountedTilt,
  initialTailFall,
  isHardlyBeyond,
  noteTailFall,
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
const ends = { low: pareto(2)(levels.low), high: pareto(2)(levels.high), further: pareto(2)(levels.further) };
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

describe('a value between a limit and the place further out', () => {
  it('is hardly beyond the limit, unless the tail falls less steeply than control’s for sure', () => {
    expect(isHardlyBeyond(ends, ends.further, control, control)).toBe(true);
    expect(isHardlyBeyond(ends, ends.further, control, fallOf(pareto(1), ends))).toBe(false);
    expect(isHardlyBeyond(ends, ends.further + 1e-9, control, control)).toBe(false);
    expect(isHardlyBeyond(ends, ends.further, initialTailFall(), initialTailFall())).toBe(true);
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
