import { describe, expect, it } from 'vitest';
import { anytimeP, rejects } from './anytime-p.js';

describe('anytime p', () => {
  it('is 1/E, at most 1', () => {
    expect(anytimeP(-3)).toBe(1);
    expect(anytimeP(Math.log(20))).toBeCloseTo(0.05, 12);
    expect(rejects(Math.log(20), 0.05)).toBe(true);
    expect(rejects(2.9, 0.05)).toBe(false);
  });
});
