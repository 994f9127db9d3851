import { describe, expect, it } from 'vitest';
import { differenceOfShares } from './difference-of-shares.js';

describe('a difference of shares where control’s is 0', () => {
  it('is the candidate’s share, and above 0 exactly where the ratio is proven above 1', () => {
    const found = differenceOfShares({ hits: 60, units: 3_000 }, { low: Math.log(4), high: Math.log(1e4) }, 0.05);
    expect(found.effect).toBe(0.02);
    expect(found.interval?.low).toBeGreaterThan(0);
    expect(found.interval?.low).toBeLessThan(0.75 * 0.02);
    expect(found.interval?.high).toBeGreaterThan(0.02);
    expect(found.interval?.high).toBeLessThan(0.04);
    const open = differenceOfShares({ hits: 2, units: 3_000 }, { low: Math.log(0.5), high: Math.log(1e4) }, 0.05);
    expect(open.interval?.low).toBeLessThan(0);
  });

  it('never leaves what shares can differ by, and waits for the ratio', () => {
    const far = { low: -Math.log(1e4), high: Math.log(1e4) };
    const { interval } = differenceOfShares({ hits: 1, units: 2 }, far, 0.05);
    expect(interval?.low).toBe(-1);
    expect(interval?.high).toBeLessThanOrEqual(1);
    expect(differenceOfShares({ hits: 1, units: 2 }, null, 0.05).interval).toBeNull();
  });
});
