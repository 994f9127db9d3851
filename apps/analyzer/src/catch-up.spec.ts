import { describe, expect, it } from 'vitest';
import { CatchUp } from './catch-up.js';

function catchUp() {
  const at = { nowMs: 1_000, lag: { routed: 5, scored: 0 } as Record<string, number> | null };
  const known = new CatchUp(
    async () => {
      if (at.lag === null) throw new Error('the bus is away');
      return at.lag;
    },
    { nowMs: () => at.nowMs },
  );
  return { at, isDone: () => known.isDone() };
}

describe('catching up after a start', () => {
  it('is done when each topic was up to date once, whatever comes later', async () => {
    const { at, isDone } = catchUp();
    expect(await isDone()).toBe(false);
    at.lag = { routed: 0, scored: 7 };
    expect(await isDone()).toBe(true);
    at.lag = { routed: 9, scored: 9 };
    expect(await isDone()).toBe(true);
  });

  it('is not known while the bus does not answer', async () => {
    const { at, isDone } = catchUp();
    at.lag = null;
    expect(await isDone()).toBe(false);
  });

  it('is over after ten seconds where more arrives than can be folded', async () => {
    const { at, isDone } = catchUp();
    expect(await isDone()).toBe(false);
    at.nowMs += 9_999;
    expect(await isDone()).toBe(false);
    at.nowMs += 1;
    expect(await isDone()).toBe(true);
  });
});
