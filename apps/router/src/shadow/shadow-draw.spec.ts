import { describe, expect, it } from 'vitest';
import { assign, prepareRules } from '#libs/assignment';
import { isCopied, seedFor } from './shadow-draw.js';

const ids = Array.from({ length: 20_000 }, (_, index) => `request-${index}`);

describe('the draw of copies', () => {
  it('takes the ordered share, the same requests each time', () => {
    const copied = ids.filter((id) => isCopied('exp', id, 100_000));
    // 2,000 ± 4 standard deviations of 42.
    expect(copied.length).toBeGreaterThan(1_830);
    expect(copied.length).toBeLessThan(2_170);
    expect(copied.filter((id) => isCopied('exp', id, 100_000))).toEqual(copied);
    expect(ids.every((id) => isCopied('exp', id, 1_000_000))).toBe(true);
  });

  it('has nothing to do with who gets which variant', () => {
    const rules = prepareRules({
      experiment: 'exp',
      revision: 1,
      epoch: 1,
      stage: 0,
      control: 'control',
      variants: ['control', 'candidate'],
      weightsPpm: { control: 900_000, candidate: 100_000 },
      audience: [],
    });
    const served = ids.filter((unit) => assign(rules, { unit, attributes: {} }).variant === 'candidate');
    const share = served.filter((id) => isCopied('exp', id, 100_000)).length / served.length;
    expect(share).toBeGreaterThan(0.07);
    expect(share).toBeLessThan(0.13);
  });

  it('draws seeds that every API takes, another one for each request', () => {
    const seeds = ids.map(seedFor);
    expect(Math.max(...seeds)).toBeLessThan(2 ** 31);
    expect(Math.min(...seeds)).toBeGreaterThanOrEqual(0);
    expect(new Set(seeds).size).toBeGreaterThan(19_990);
  });
});
