import { describe, expect, it } from 'vitest';
import { cutIntoBatches } from './batches.js';

const sizes = (count: number): number[] => cutIntoBatches(count).map((batch) => batch.size);

describe('cutIntoBatches', () => {
  it('covers every item once and in order, in known sizes', () => {
    for (let count = 0; count <= 300; count += 1) {
      const batches = cutIntoBatches(count);
      let next = 0;
      for (const batch of batches) {
        expect(batch.from).toBe(next);
        expect(batch.count).toBeLessThanOrEqual(batch.size);
        next += batch.count;
      }
      expect(next).toBe(count);
      expect(batches.reduce((sum, batch) => sum + batch.size, 0)).toBeLessThanOrEqual(count * 1.34);
    }
  });

  it('splits where padding would waste more than a quarter and pads where it would not', () => {
    expect(sizes(64)).toEqual([64]);
    expect(sizes(50)).toEqual([64]);
    expect(sizes(47)).toEqual([16, 16, 16]);
    expect(sizes(5)).toEqual([4, 1]);
    expect(sizes(3)).toEqual([4]);
    expect(sizes(130)).toEqual([64, 64, 1, 1]);
  });
});
