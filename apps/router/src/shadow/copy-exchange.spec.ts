import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AnswerControl } from '../upstream/upstream-request.js';
import { CopyExchange } from './copy-exchange.js';

const MEGABYTE = Buffer.alloc(2 ** 20);

afterEach(() => vi.useRealTimers());

describe('an answer to a copy that does not end', () => {
  it('is broken off when it is larger than any picture', () => {
    const { exchange, abort, outcomes } = started();
    for (let megabytes = 0; megabytes < 257; megabytes += 1) exchange.onData(MEGABYTE);
    expect(outcomes).toEqual(['server-error']);
    expect(abort).toHaveBeenCalledOnce();
  });

  it('is broken off after ten minutes, however it drips', () => {
    vi.useFakeTimers();
    const { exchange, abort, outcomes } = started();
    for (let seconds = 0; seconds < 601; seconds += 1) {
      exchange.onData(Buffer.from('.'));
      vi.advanceTimersByTime(1_000);
    }
    expect(outcomes).toEqual(['timed-out']);
    expect(abort).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });
});

function started() {
  const abort = vi.fn();
  const outcomes: string[] = [];
  const exchange = new CopyExchange({ timeoutMs: 60_000, idleMs: 60_000 }, ({ outcome }) => outcomes.push(outcome));
  exchange.onStart({ abort } as unknown as AnswerControl);
  exchange.onHead({ status: 200, headers: {}, rawHeaders: [], keepsAlive: true });
  return { exchange, abort, outcomes };
}
