import { describe, expect, it } from 'vitest';
import { logMeanExp, logSumExp } from './log-space.js';

describe('log space', () => {
  it('neither overflows nor loses the small terms', () => {
    expect(logSumExp([1000, 1000])).toBeCloseTo(1000 + Math.LN2, 12);
    expect(logMeanExp([-1000, -1000])).toBe(-1000);
    expect(logSumExp([])).toBe(-Infinity);
  });
});
