import { describe, expect, it } from 'vitest';
import { isSampled, samplingRate } from './sampling.js';

describe('sampling', () => {
  it('is off by default', () => {
    expect(samplingRate({}, 1_000_000)).toBe(1);
    expect(isSampled('any', 1)).toBe(true);
  });

  it('shrinks the share with the lag, never below the lowest, never above the fixed one', () => {
    const options = { sampleAboveLag: 1000, lowestRate: 0.1 };
    expect([0, 1000, 2000, 4000, 100_000].map((lag) => samplingRate(options, lag))).toEqual([1, 1, 0.5, 0.25, 0.1]);
    expect(samplingRate({ rate: 0.3, sampleAboveLag: 1000 }, 2000)).toBe(0.15);
    expect(samplingRate({ rate: 0 }, 0)).toBe(0);
  });

  it('keeps the asked share, and of a larger share keeps all of a smaller one', () => {
    const ids = Array.from({ length: 20_000 }, (_, index) => `generation.completed.v1:${index}`);
    const quarter = ids.filter((id) => isSampled(id, 0.25));
    expect(Math.abs(quarter.length / ids.length - 0.25)).toBeLessThan(0.01);
    expect(quarter.every((id) => isSampled(id, 0.5))).toBe(true);
    expect(ids.some((id) => isSampled(id, 0))).toBe(false);
  });
});
