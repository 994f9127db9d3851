import { describe, expect, it } from 'vitest';
import { type LimitQuestion, unitsWithinLimit } from './units-within-limit.js';

const events = (share: number) => ({ kind: 'events', share, event: 1, other: 0 }) as const;

const usual: LimitQuestion = {
  values: events(0.01),
  limit: { lo: 0, hi: 1, limit: 0.05 },
  alpha: 0.05,
  power: 0.8,
  runs: 100,
};

function units(change: Partial<LimitQuestion>): number {
  const answer = unitsWithinLimit({ ...usual, ...change });
  if (answer.missing !== null) throw new Error(`expected units, not ${answer.missing}`);
  return answer.units;
}

describe('units until a limit is proven to be kept', () => {
  it('are at least what the best bet needs, and not many times that', () => {
    // ln 20 over the relative entropy of 1 % against 5 %: no bet grows faster.
    const least = Math.log(20) / (0.01 * Math.log(0.01 / 0.05) + 0.99 * Math.log(0.99 / 0.95));
    const median = unitsWithinLimit({ ...usual, power: 0.5 });
    expect(median.missing === null && median.units).toBeGreaterThan(least);
    expect(median.missing === null && median.units).toBeLessThan(3 * least);
  });

  it('grow as the values come near to the limit, with the power and with the confidence', () => {
    expect(units({ values: events(0.03) })).toBeGreaterThan(3 * units({}));
    expect(units({ power: 0.95 })).toBeGreaterThan(units({}));
    expect(units({ alpha: 0.01 })).toBeGreaterThan(units({}));
  });

  it('are the same for a good event that has to be as frequent as a bad one rare', () => {
    const delivered = { kind: 'events', share: 0.01, event: 0, other: -1 } as const;
    expect(units({ values: delivered, limit: { lo: -1, hi: 0, limit: -0.95 } })).toBe(units({}));
  });

  it('are few for a mean that is far from its limit in its own spread', () => {
    const limit = { lo: -1, hi: 1, limit: -0.28 };
    const near = units({ values: { kind: 'normal', mean: -0.3, spread: 0.2 }, limit });
    expect(units({ values: { kind: 'normal', mean: -0.9, spread: 0.2 }, limit })).toBeLessThan(near / 10);
  });

  it('are none where the values are at the limit, beyond it, or so near that nobody waits for it', () => {
    expect(unitsWithinLimit({ ...usual, values: events(0.05) })).toEqual({ missing: 'beyond-limit' });
    expect(unitsWithinLimit({ ...usual, values: events(0.049), mostUnits: 500 })).toEqual({
      missing: 'beyond-simulation',
    });
  });

  it('refuses a limit outside the bounds', () => {
    expect(() => unitsWithinLimit({ ...usual, limit: { lo: 0, hi: 1, limit: 1 } })).toThrow(
      'limit 1: expected between',
    );
  });
});
