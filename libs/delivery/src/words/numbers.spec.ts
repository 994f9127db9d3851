import { describe, expect, it } from 'vitest';
import { duration, number, percent, percentOf } from './numbers.js';

describe('numbers for people', () => {
  it.each([
    [0, '0'],
    [0.012345, '0.0123'],
    [3.999, '4'],
    [999.6, '1\u202f000'],
    [1_234.5, '1\u202f235'],
    [-1_234_567, '−1\u202f234\u202f567'],
    [-0.0001, '−0.0001'],
    [Number.MAX_VALUE, '1.80e+308'],
  ])('%d is written %s', (value, text) => {
    expect(number(value)).toBe(text);
  });

  it('write shares in percent, and durations in the unit that suits them', () => {
    expect([percent(12_500), percentOf(0.0005), percentOf(-0.021)]).toEqual(['1.25 %', '0.05 %', '−2.1 %']);
    const durations = [300, 1_500, 600_000, 86_400_000, 604_800_000].map(duration);
    expect(durations).toEqual(['300 ms', '1.5 s', '10 min', '24 h', '7 days']);
  });
});
