import { describe, expect, it } from 'vitest';
import { lnESampleRatio } from './sample-ratio.js';

describe('sample ratio', () => {
  it('agrees with the published reference, and is sure at 4072 : 2035 for a planned 80 : 20', () => {
    expect(lnESampleRatio([4072, 2035], [0.8, 0.2])).toBeGreaterThan(100);
    expect(lnESampleRatio([5000, 5300], [0.5, 0.5])).toBeCloseTo(1.862908098504704, 9);
    expect(lnESampleRatio([60, 64, 33], [0.4, 0.4, 0.2], 3)).toBeCloseTo(-4.109409232680548, 9);
  });

  it('has answers for the edges', () => {
    expect(lnESampleRatio([0, 0], [0.5, 0.5])).toBe(0);
    expect(lnESampleRatio([10, 0], [1, 0])).toBe(0);
    expect(lnESampleRatio([10, 1], [1, 0])).toBe(Number.MAX_VALUE);
    expect(() => lnESampleRatio([1], [0.5, 0.5])).toThrow('one share per count');
  });
});
