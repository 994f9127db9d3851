import { beforeEach, describe, expect, it } from 'vitest';
import { rebuild, type LiveRouter, type OrderEffect, type StartedState } from '#libs/delivery';
import { applied, define, logOf, operator, T0 } from '#libs/testing/delivery';
import { OrderFollowUp } from './order-follow-up.js';

const baseline = { upstream: 'http://127.0.0.1:8100/', fingerprint: 'a' };
const withBaseline = (state: StartedState): StartedState => ({
  ...state,
  lastCommand: { ...state.lastCommand, baseline },
});
const started = withBaseline(rebuild(logOf(define(T0))) as StartedState);
const rolledBack = withBaseline(rebuild(logOf(define(T0), operator('rollback', T0 + 500))) as StartedState);

let nowMs: number;
let newest: StartedState;
let live: readonly LiveRouter[];
let broken: readonly string[];
/** The newest order about the service, where it is not about an experiment. */
let given: { readonly epoch: number; readonly atMs: number } | null;
let contested: Extract<OrderEffect, { readonly state: 'contested' }>[];
let followUp: OrderFollowUp;
beforeEach(() => {
  [nowMs, newest, live, broken, contested, given] = [T0, started, [], [], [], null];
  followUp = new OrderFollowUp(
    {
      newestOrders: () => [newest],
      epochs: () => new Map(given === null ? [] : [['text-to-image', given.epoch]]),
      epochSinceMs: () => given?.atMs ?? T0,
      contested: async (_state, effect) => void contested.push(effect),
      parkedAs: () => undefined,
      unansweredIn: () => null,
    },
    { liveOn: () => live, brokenOn: () => broken },
    () => nowMs,
  );
});

/** Looks every 200 ms. @returns when the order was found not to be followed, in milliseconds from its beginning. */
async function lookUntil(untilMs: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (; nowMs <= untilMs; nowMs += 200) {
    const before = contested.length;
    followUp.look((error) => expect.fail(error.message));
    if (contested.length > before) found.push(nowMs - T0);
    await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}

describe('an order', () => {
  it('is settled once every live router obeys it, at once where there is none, and after 2 s all the same', async () => {
    await followUp.settled(started);
    live = [{ router: 'a', epoch: 0 }];
    let isSettled = false;
    const settling = followUp.settled(started).then(() => (isSettled = true));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(isSettled).toBe(false);
    live = [{ router: 'a', epoch: 1 }];
    await settling;
    live = [{ router: 'a', epoch: 0 }];
    const never = followUp.settled(started);
    nowMs += 2_000;
    await never;
  });

  it('is effective as soon as every live router obeys it, and nothing is done about it', async () => {
    live = [{ router: 'a', epoch: 1 }];
    expect(followUp.effectOf(newest)).toEqual({ state: 'effective' });
    expect(await lookUntil(T0 + 20_000)).toEqual([]);
  });

  it('that a router does not follow, because it was never published or never came, is contested after 2 s', async () => {
    live = [
      { router: 'a', epoch: 0 },
      { router: 'b', epoch: 1 },
    ];
    expect(followUp.effectOf(newest)).toEqual({ state: 'ordered' });
    expect((await lookUntil(T0 + 3_000))[0]).toBe(2_000);
    expect(contested[0]).toMatchObject({ behind: ['a'], servedEpoch: 1 });
  });

  it('that a router has refused is contested at once, with its reason', async () => {
    live = [{ router: 'router-1', epoch: 57 }];
    const refusal = applied(T0, newest.lastCommand, { outcome: 'refused', reason: 'stale-epoch' }).applied;
    newest = { ...newest, acknowledgements: { 'router-1': refusal } };
    expect((await lookUntil(T0 + 200))[0]).toBe(0);
    expect(contested[0]).toMatchObject({ behind: ['router-1 (refused: stale-epoch)'], servedEpoch: 57 });
  });

  it('is given again with pauses that double, six times, and a new one does not wait for them', async () => {
    live = [{ router: 'a', epoch: 0 }];
    expect(await lookUntil(T0 + 300_000)).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 64_000]);
    newest = rolledBack;
    expect(await lookUntil(nowMs)).toHaveLength(1);
  });

  it('about the slots of a divided service is followed up like that of an experiment, whose own is obeyed', async () => {
    const layer = { unit: 'user', holdoutPpm: 0, slots: [] } as const;
    newest = { ...started, lastCommand: { ...started.lastCommand, layer: { ...layer, slots: [] } } };
    given = { epoch: 3, atMs: T0 + 10_000 };
    live = [{ router: 'a', epoch: 1 }];
    nowMs = T0 + 10_000;
    expect((await lookUntil(T0 + 13_000))[0]).toBe(12_000);
    expect(contested[0]).toMatchObject({ behind: ['a'], servedEpoch: 1 });
    live = [{ router: 'a', epoch: 3 }];
    expect(await lookUntil(nowMs + 30_000)).toEqual([]);
    // Of a service that one slot spans only experiments' orders are given again.
    newest = started;
    live = [{ router: 'a', epoch: 1 }];
    expect(await lookUntil(nowMs + 5_000)).toEqual([]);
  });

  it('is left alone where somebody has broken the glass, and where no router is alive', async () => {
    expect(await lookUntil(T0 + 5_000)).toEqual([]);
    live = [{ router: 'a', epoch: 0 }];
    broken = ['a'];
    expect(await lookUntil(nowMs + 5_000)).toEqual([]);
  });
});
