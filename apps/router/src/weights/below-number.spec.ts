import { assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { belowNumber } from './below-number.js';

describe('belowNumber', () => {
  it('matches what is below the limit, and nothing else of as many digits', () => {
    const number = integer({ min: 1_000_000_000, max: 9_999_999_999 });
    assert(
      property(number, number, integer({ min: -2, max: 2 }), (limit, other, near) => {
        const reads = new RegExp(`^${belowNumber(limit)}$`);
        for (const tried of [other, limit + near]) {
          if (String(tried).length === 10) expect(reads.test(String(tried))).toBe(tried < limit);
        }
      }),
    );
  });
});
