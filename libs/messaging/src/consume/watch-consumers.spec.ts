import { Health } from '#libs/platform';
import { Registry } from 'prom-client';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEventBus } from '../create-event-bus.js';
import type { EventBus } from '../event-bus.js';
import { watchConsumers } from './watch-consumers.js';

const LIMITS = { stalledAfterMs: 5_000, failingAfterMs: 5_000, behindAfterMs: 60_000, busAway: 'not-ready' } as const;

describe('a watched consumer', () => {
  let bus: EventBus;
  beforeEach(async () => {
    bus = await createEventBus({ carrier: 'memory' });
    await bus.createTopics([{ name: 'work', partitions: 1, compacted: false }]);
  });
  afterEach(() => bus.close());

  it('is not ready while it is behind, and is again when it has caught up', async () => {
    const health = new Health();
    let skippedMs = 0;
    const clock = { nowMs: () => Date.now() + skippedMs };
    const watched = watchConsumers(bus, { health, metrics: new Registry(), clock }, LIMITS);
    const subscription = watched.subscribe({
      group: 'slow',
      topics: ['work'],
      maxBatchSize: 1,
      handler: async () => void (await pause(10)),
    });
    await subscription.ready;
    skippedMs = 75_000;
    await watched.publish(Array.from({ length: 100 }, () => ({ topic: 'work', key: 'a', headers: {}, value: null })));
    await vi.waitFor(async () => {
      const { ok, reasons } = await health.ready();
      expect([ok, reasons]).toEqual([
        false,
        [expect.stringMatching(/^the consumer slow is 75\.\d s behind and \d+ events wait; 60\.0 s are allowed$/)],
      ]);
    });
    expect((await health.live()).ok).toBe(true);
    await vi.waitFor(async () => expect((await health.ready()).ok).toBe(true), { timeout: 10_000 });
  });

  it.each([
    { name: 'after it failed once', partitions: 1, failOnce: true },
    { name: 'beside a partition that fails', partitions: 4, failOnce: false },
  ])('is dead when its handler hangs $name', async ({ partitions, failOnce }) => {
    await bus.createTopics([{ name: 'hangs', partitions, compacted: false }]);
    const health = new Health();
    const limits = { ...LIMITS, stalledAfterMs: 300 };
    const watched = watchConsumers(bus, { health, metrics: new Registry(), clock: { nowMs: Date.now } }, limits);
    let release!: () => void;
    const hung = new Promise<void>((resolve) => (release = resolve));
    let isFailing = failOnce;
    watched.subscribe({
      group: 'stuck',
      topics: ['hangs'],
      handler: async ({ partition }) => {
        if (isFailing || partition > 0) {
          isFailing = false;
          throw new Error('not now');
        }
        await hung;
      },
    });
    const keys = Array.from({ length: 40 }, (_, key) => `key-${key}`);
    await watched.publish(keys.map((key) => ({ topic: 'hangs', key, headers: {}, value: null })));
    await vi.waitFor(
      async () => {
        const stalled = /^the consumer stuck has stalled: .*, 0\.3 s are allowed$/;
        expect((await health.live()).reasons).toEqual([expect.stringMatching(stalled)]);
        expect((await health.ready()).ok).toBe(false);
      },
      { timeout: 5_000 },
    );
    isFailing = false;
    release();
  });

  it('is alive while it works through a long batch and says so, and dead when it says nothing any more', async () => {
    const health = new Health();
    const limits = { ...LIMITS, stalledAfterMs: 300 };
    const watched = watchConsumers(bus, { health, metrics: new Registry(), clock: { nowMs: Date.now } }, limits);
    let isSilent = false;
    const over = new AbortController();
    const subscription = watched.subscribe({
      group: 'busy',
      topics: ['work'],
      handler: async (batch) => {
        while (!over.signal.aborted) {
          await pause(10);
          if (!isSilent) await batch.heartbeat();
        }
      },
    });
    await subscription.ready;
    await watched.publish([{ topic: 'work', key: 'a', headers: {}, value: null }]);
    await vi.waitFor(() => expect(subscription.health().attemptForMs).toBeGreaterThan(900), { timeout: 10_000 });
    expect(subscription.health().lifelessForMs).toBeLessThan(subscription.health().attemptForMs);
    await vi.waitFor(async () => expect((await health.live()).ok).toBe(true));
    isSilent = true;
    await vi.waitFor(
      async () => {
        const stalled = /^the consumer busy has stalled: .* without a sign of life for 0\.\d s, 0\.3 s are allowed$/;
        expect((await health.live()).reasons).toEqual([expect.stringMatching(stalled)]);
      },
      { timeout: 5_000 },
    );
    over.abort();
  });

  it('leaves the health of its app when it is closed', async () => {
    const health = new Health();
    const watched = watchConsumers(bus, { health, metrics: new Registry(), clock: { nowMs: Date.now } }, LIMITS);
    const subscription = watched.subscribe({ group: 'short', topics: ['work'], handler: () => Promise.resolve() });
    expect(Object.keys((await health.ready()).checks)).toEqual(['consumer short', 'work of consumer short']);
    await subscription.close();
    expect((await health.ready()).checks).toEqual({});
  });

  it('counts its batches and shows what waits', async () => {
    const metrics = new Registry();
    const watched = watchConsumers(bus, { health: new Health(), metrics, clock: { nowMs: Date.now } }, LIMITS);
    let failures = 1;
    const handler = (): Promise<void> => (failures-- > 0 ? Promise.reject(new Error('not now')) : Promise.resolve());
    watched.subscribe({ group: 'counted', topics: ['work'], handler });
    const dead = { 'dead-group': 'counted', 'dead-topic': 'other' };
    await watched.publish([
      { topic: 'work', key: 'a', headers: {}, value: null },
      { topic: 'work', key: 'a', headers: dead, value: null },
    ]);
    await expect(watched.publish([{ topic: 'nowhere', key: 'a', headers: {}, value: null }])).rejects.toThrow();
    await vi.waitFor(async () => {
      const text = await metrics.metrics();
      expect(text).toContain('teststrip_consumer_batch_events_sum{group="counted",topic="work"} 4');
      expect(text).toContain('teststrip_consumer_event_age_seconds_count{group="counted",topic="work"} 2');
      expect(text).toContain('teststrip_consumer_batch_seconds_count{group="counted",topic="work"} 2');
      expect(text).toContain('teststrip_dead_letters_total{group="counted",topic="other"} 1');
      expect(text).toContain('teststrip_bus_published_total{topic="work",outcome="durable"} 2');
      expect(text).toContain('teststrip_bus_published_total{topic="nowhere",outcome="failed"} 1');
      expect(text).toContain('teststrip_bus_publish_seconds_count{outcome="failed"} 1');
      expect(text).toContain('teststrip_bus_publishing 0');
      expect(text).toContain('teststrip_consumer_batches_total{group="counted",topic="work",outcome="failed"} 1');
      expect(text).toContain('teststrip_consumer_batches_total{group="counted",topic="work",outcome="handled"} 1');
      expect(text).toContain('teststrip_consumer_lag{group="counted",topic="work"} 0');
    });
  });
});
