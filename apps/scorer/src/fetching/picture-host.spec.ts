import { beforeEach, describe, expect, it } from 'vitest';
import { PictureHost, type HostEntry } from './picture-host.js';

let nowMs: number;
let host: PictureHost;

beforeEach(() => {
  nowMs = 1_000_000;
  host = new PictureHost('pictures:80', { atATime: 2, timeoutMs: 5_000, deadlineMs: 10_000 }, () => nowMs);
});

describe('PictureHost', () => {
  it('lets so many in at a time, the others in their order, and those first who were inside before', async () => {
    const order: string[] = [];
    const enter = async (name: string, isAgain = false): Promise<void> => {
      await host.enter(isAgain);
      order.push(name);
    };
    await Promise.all([enter('a'), enter('b')]);
    const others = [enter('c'), enter('d'), enter('again', true)];
    await settled();
    expect([order, host.load]).toEqual([['a', 'b'], { inside: 2, waiting: 3 }]);
    for (const _ of others) host.leave();
    await Promise.all(others);
    expect(order).toEqual(['a', 'b', 'again', 'c', 'd']);
  });

  it('is asked by one picture at a time after five failures in a row, until it answers', async () => {
    for (let failure = 0; failure < 5; failure += 1) host.failed('status 503', 10);
    expect(host.state).toBe('failing');
    expect(await host.enter(false)).toBe('entered');
    const second = host.enter(false);
    await settled();
    expect(host.load).toEqual({ inside: 1, waiting: 1 });
    host.answered();
    host.leave();
    await second;
    expect(host.state).toBe('working');
  });

  it('is given up when it has failed for the deadline: nobody waits, and it is tried now and then', async () => {
    let waiting: Promise<HostEntry> | undefined;
    for (let failure = 0; failure < 6; failure += 1) {
      nowMs += 2_100;
      await host.enter(true);
      if (failure === 5) waiting = host.enter(false);
      host.failed('time-out', 100);
      if (failure < 5) host.leave();
    }
    expect(await waiting).toBe('given-up');
    expect(await host.enter(false)).toBe('given-up');
    expect(host.reason).toContain('host "pictures:80" has answered nothing for 11 s (time-out)');
    let tries = 0;
    const attempt = async (): Promise<void> => {
      tries += 1;
      if (tries === 2) host.answered();
    };
    host.tryNow(attempt);
    host.tryNow(attempt);
    await settled();
    expect([tries, host.state]).toEqual([1, 'given-up']);
    nowMs += 5_000;
    host.tryNow(attempt);
    await settled();
    expect([tries, host.state]).toEqual([2, 'working']);
  });

  it('turns nobody away who waits long for a host that answers, however slowly', async () => {
    await Promise.all([host.enter(false), host.enter(false)]);
    const waiting = host.enter(false);
    nowMs += 100_000;
    host.answered();
    host.leave();
    expect(await waiting).toBe('entered');
  });

  it('forgets who is waited for by nobody', async () => {
    await Promise.all([host.enter(false), host.enter(false)]);
    const gone = new AbortController();
    const waiting = host.enter(false, gone.signal);
    gone.abort(new Error('the batch has ended'));
    await expect(waiting).rejects.toThrow('the batch has ended');
    expect(host.load).toEqual({ inside: 2, waiting: 0 });
  });
});

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
