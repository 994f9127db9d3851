import { encodeEvent, examples } from '#libs/contracts';
import { expect, it, vi } from 'vitest';
import { createEventBus } from '../create-event-bus.js';
import { ensureTopics } from '../ensure-topics.js';
import type { BusClient, SubscriptionOptions } from '../event-bus.js';
import { LogFollower } from './log-follower.js';

const TOPIC = 'allocation.commanded.v1';

it('reads a log again until it succeeds when a partition comes back, and misses nothing of the time between', async () => {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  const command = examples.find(({ type }) => type === TOPIC)!;
  const seen: string[] = [];
  const troubles: string[] = [];
  let failures = 0;
  let subscribed: SubscriptionOptions | undefined;
  // The partition is away: what is published reaches the log alone.
  const shaky: BusClient = {
    publish: (records) => bus.publish(records),
    readAll: (topic) => (failures-- > 0 ? Promise.reject(new Error('connection reset')) : bus.readAll(topic)),
    subscribe: (options) => {
      subscribed = options;
      return bus.subscribe({ ...options, topics: ['experiment.defined.v1'] });
    },
  };
  const follower = new LogFollower({
    bus: shaky,
    name: 'follower',
    compacted: [TOPIC],
    attemptMs: 1_000,
    onEvent: ({ id }) => seen.push(id),
    onTrouble: (message) => troubles.push(message),
  });
  expect(await follower.start()).toBe(true);
  await subscribed!.onAssigned!(TOPIC, 0);
  await bus.publish([encodeEvent({ ...command, id: 'rollback' })]);
  failures = 2;
  await subscribed!.onAssigned!(TOPIC, 0);
  await expect.poll(() => seen).toEqual(['rollback']);
  expect(troubles).toEqual(Array.from({ length: 2 }, () => "the event bus can't be read again: connection reset"));
  await follower.close();
  await bus.close();
});

it('passes over one event that its reader can not take, in what was there and in what comes, and says which', async () => {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  const command = examples.find(({ type }) => type === TOPIC)!;
  const publish = (...ids: string[]) =>
    bus.publish(ids.map((id) => encodeEvent({ ...command, id, subject: `service-of-${id}` })));
  const seen: string[] = [];
  const follower = new LogFollower({
    bus,
    name: 'follower',
    compacted: [TOPIC],
    attemptMs: 10_000,
    onEvent: ({ id }) => {
      if (id.startsWith('broken')) throw new Error('no such upstream');
      seen.push(id);
    },
    onTrouble: () => undefined,
  });
  await publish('a', 'broken-1', 'b');
  expect(await follower.start()).toBe(true);
  await publish('broken-2', 'c');
  await expect.poll(() => seen).toEqual(['a', 'b', 'c']);
  const dead = async () => (await bus.readAll(`${TOPIC}.dead`)).map(({ headers }) => headers['ce_id']?.toString());
  await expect.poll(dead).toEqual(['broken-1', 'broken-2']);
  await follower.close();
  await bus.close();
});

it('notices a bus within a second of its return, however long it was away', async () => {
  const waits: number[] = [];
  let failures = 7;
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  const away: BusClient = {
    publish: (records) => bus.publish(records),
    subscribe: (options) => bus.subscribe(options),
    readAll: (topic) => {
      waits.push(performance.now());
      return failures-- > 0 ? Promise.reject(new Error('away')) : bus.readAll(topic);
    },
  };
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const follower = new LogFollower({
    bus: away,
    name: 'follower',
    compacted: [TOPIC],
    attemptMs: 60_000,
    onEvent: () => undefined,
    onTrouble: () => undefined,
  });
  const started = follower.start();
  await vi.advanceTimersByTimeAsync(20_000);
  await started;
  vi.useRealTimers();
  const pauses = waits.slice(1).map((at, index) => at - (waits[index] as number));
  expect(pauses).toHaveLength(7);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(1_000);
  await follower.close();
  await bus.close();
});
