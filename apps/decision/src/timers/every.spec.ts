import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { every } from './every.js';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

describe('repeated work', () => {
  it('counts as done when it was done, not when it failed', async () => {
    const failures: string[] = [];
    let works = true;
    const work = (): Promise<void> => (works ? Promise.resolve() : Promise.reject(new Error('the log is away')));
    const repeated = every(
      100,
      work,
      (error) => failures.push(error.message),
      () => Date.now(),
    );
    await vi.advanceTimersByTimeAsync(250);
    expect(repeated.lastDoneAtMs).toBe(200);
    works = false;
    await vi.advanceTimersByTimeAsync(300);
    expect(repeated.lastDoneAtMs).toBe(200);
    expect(failures).toHaveLength(3);
    works = true;
    await vi.advanceTimersByTimeAsync(100);
    expect(repeated.lastDoneAtMs).toBe(600);
    await repeated.stop();
  });

  it('does not begin again before it has ended', async () => {
    const ends: (() => void)[] = [];
    const repeated = every(
      100,
      () => new Promise((resolve) => ends.push(resolve)),
      () => undefined,
      () => Date.now(),
    );
    await vi.advanceTimersByTimeAsync(1_000);
    expect([ends.length, repeated.lastDoneAtMs]).toEqual([1, 0]);
    ends[0]?.();
    await vi.advanceTimersByTimeAsync(100);
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await repeated.stop();
  });
});
