import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Logger } from '@nestjs/common';
import { runCommand } from '#apps/cli';
import { encodeEvent, examples } from '#libs/contracts';
import { consumeEvents, createEventBus, openBus, UnprocessableEventError, type EventBus } from '#libs/messaging';
import { openDatabase } from '#libs/persistence';
import { commonVariables, readConfig } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { enter, tryLock } from '../../libs/messaging/src/carriers/postgres/locks.js';

describe('event bus on Postgres', () => {
  let database: TestDatabase;
  beforeAll(async () => (database = await withDatabase()));
  afterAll(() => database.close());

  const open = () => createEventBus({ carrier: 'postgres', database, checkEveryMs: 200, maintainEveryMs: 0 });

  /** Deletes what is old at once, and what nobody has read after a time. */
  const openWith = (unreadRetentionMs: number) =>
    createEventBus({ carrier: 'postgres', database, maintainEveryMs: 20, retentionMs: 1, unreadRetentionMs });

  /** Starts a system on the database, which may be there already, and ends it. @returns how many partitions its topics have */
  const partitionsWith = async (PARTITIONS: string): Promise<number> => {
    const { bus, close } = await openBus(readConfig(commonVariables, { PARTITIONS }), 'spec', database);
    const partitions = await bus.partitionsOf('request.routed.v1');
    await close();
    return partitions;
  };

  it('goes on without loss after all its connections were cut', async () => {
    const bus = await open();
    const topic = `test.${randomUUID()}`;
    await bus.createTopics([{ name: topic, partitions: 2, compacted: false }]);
    const seen = new Set<string>();
    const subscription = bus.subscribe({
      group: 'g',
      topics: [topic],
      handler: async ({ records }) => records.forEach((record) => seen.add(record.value!.toString())),
    });
    await subscription.ready;
    const sent: string[] = [];
    const publish = async (value: string): Promise<void> => {
      await vi.waitFor(() => bus.publish([{ topic, key: value, headers: {}, value: Buffer.from(value) }]));
      sent.push(value);
    };
    for (let index = 0; index < 20; index++) await publish(`before-${index}`);
    await database
      .query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      )
      .catch(() => undefined);
    for (let index = 0; index < 20; index++) await publish(`after-${index}`);
    await vi.waitFor(() => expect([...seen].sort()).toEqual([...sent].sort()), { timeout: 10_000 });
    await bus.close();
  });

  it('takes the partitions of a member that hangs: its session is ended, whatever it would write', async () => {
    const bus = await createEventBus({ carrier: 'postgres', database, checkEveryMs: 100, hungAfterMs: 1_500 });
    const topic = `test.${randomUUID()}`;
    await bus.createTopics([{ name: topic, partitions: 4, compacted: false }]);
    const subscription = bus.subscribe({ group: topic, topics: [topic], handler: () => Promise.resolve() });
    await subscription.ready;
    // What a stopped process leaves: a session that holds its locks and asks nothing more.
    const [row] = await database.query<{ group_id: number }>(
      'SELECT group_id FROM bus.consumer_group WHERE name = $1',
      [topic],
    );
    const groupId = row!.group_id;
    const stopped = await database.session();
    const lost = new Promise((resolve) => stopped.onLost(resolve));
    await enter(stopped, groupId, 1);
    await database.query(`SELECT pg_notify('bus_members', '')`);
    await vi.waitFor(() => expect(subscription.health().partitions).toBe(2), { timeout: 5_000 });
    const wanted = [0, 1, 2, 3].map((partition) => ({ groupId, partition }));
    await vi.waitFor(async () => expect(await tryLock(stopped, wanted)).toHaveLength(2), { timeout: 1_000 });
    await vi.waitFor(() => expect(subscription.health().partitions).toBe(4), { timeout: 10_000 });
    await lost;
    // Who lives is left alone, though it handles nothing.
    await pause(2_000);
    expect(subscription.health().partitions).toBe(4);
    await bus.close();
  });

  it('shows to the command line what a consumer has given up, and lets it publish that again', async () => {
    vi.stubEnv('DATABASE_URL', database.url);
    onTestFinished(() => void vi.unstubAllEnvs());
    const { bus, close } = await openBus(readConfig(commonVariables, { PARTITIONS: '3' }), 'spec', database);
    onTestFinished(close);
    const topic = 'preference.judged.v1';
    const handled: string[] = [];
    let isBroken = true;
    consumeEvents({
      bus,
      group: 'recorder',
      log: { warn: () => undefined },
      handlers: new Map([[topic, { takes: 'event', handle: async ({ event }) => void take(event.id) }]]),
    });
    const take = (id: string): void => {
      if (isBroken) throw new UnprocessableEventError('no such column');
      handled.push(id);
    };
    await bus.publish([encodeEvent({ ...examples.find(({ type }) => type === topic)!, id: 'lost' })]);
    await vi.waitFor(async () => expect((await cli('list', '--group', 'recorder')).out).toContain('no such column'), {
      timeout: 20_000,
      interval: 500,
    });
    const { out } = await cli('list', '-o', 'json');
    const { letters } = JSON.parse(out) as { letters: { id: string }[] };
    expect(letters).toMatchObject([{ topic, group: 'recorder', headers: { ce_id: 'lost' } }]);
    expect((await cli('show', letters[0]!.id)).out).toMatch(/reason +no such column\n[^]*ce_id: lost\n[^]*"preferred"/);
    expect(await cli('show', `${topic}:99`)).toMatchObject({ code: 4, err: expect.stringContaining('no letter') });
    expect(await cli('redrive')).toMatchObject({ code: 2 });
    isBroken = false;
    expect(await cli('redrive', '--topic', topic)).toMatchObject({ code: 0, out: '1 published again for recorder\n' });
    await vi.waitFor(() => expect(handled).toEqual(['lost']), { timeout: 10_000 });
    expect((await cli('list')).out).toBe('no message was given up\n');
  });

  it('says at the start that a system keeps the partitions that it was created with', async () => {
    const warnings = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    expect(await partitionsWith('3')).toBe(3);
    expect(warnings.mock.calls).toEqual([]);
    expect(await partitionsWith('8')).toBe(3);
    expect(warnings.mock.calls).toEqual([
      [expect.stringMatching(/^PARTITIONS=8 is not in force: .* Set PARTITIONS=3;/)],
    ]);
    warnings.mockRestore();
  });

  it('draws offsets without holes or deadlocks when several processes publish to the same partitions', async () => {
    const buses = await Promise.all([open(), open(), open()]);
    const topic = `test.${randomUUID()}`;
    await buses[0]!.createTopics([{ name: topic, partitions: 3, compacted: false }]);
    const seen: number[][] = [[], [], []];
    const subscription = buses[0]!.subscribe({
      group: 'g',
      topics: [topic],
      handler: async ({ partition, records }) => void seen[partition]!.push(...records.map((record) => record.offset)),
    });
    await subscription.ready;
    const publications = buses.flatMap((bus, who) =>
      Array.from({ length: 100 }, (_, index) =>
        bus.publish(
          ['x', 'y', 'z', 'a'].map((key) => ({
            topic,
            key: `${key}-${index}-${who}`,
            headers: {},
            value: Buffer.from(key),
          })),
        ),
      ),
    );
    await Promise.all(publications);
    await vi.waitFor(() => expect(seen.flat()).toHaveLength(1_200), { timeout: 10_000 });
    // Every offset once and in order: a reader never sees an offset before all smaller ones.
    for (const offsets of seen) expect(offsets).toEqual(offsets.map((_, index) => index));
    await Promise.all(buses.map((bus) => bus.close()));
  });

  it('wakes the readers of other processes however many partitions are written at once', async () => {
    const [writer, reader] = [await open(), await open()];
    const topic = `test.${randomUUID()}`;
    await writer.createTopics([{ name: topic, partitions: 512, compacted: false }]);
    const keys = Array.from({ length: 2_000 }, (_, index) => `unit-${index}`);
    let seen = 0;
    const subscription = reader.subscribe({
      group: 'g',
      topics: [topic],
      handler: async ({ records }) => void (seen += records.length),
    });
    await subscription.ready;
    await writer.publish(keys.map((key) => ({ topic, key, headers: {}, value: Buffer.from(key) })));
    await vi.waitFor(() => expect(seen).toBe(keys.length), { timeout: 10_000 });
    await Promise.all([writer.close(), reader.close()]);
  });

  it('stamps records by its own clock, whatever the year is where they come from', async () => {
    const bus = await open();
    const topic = `test.${randomUUID()}`;
    await bus.createTopics([{ name: topic, partitions: 1, compacted: false }]);
    const beforeMs = Date.now();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.UTC(2099, 0, 1));
    await bus.publish([{ topic, key: 'k', headers: {}, value: Buffer.from('1') }]).finally(() => clock.mockRestore());
    const [record] = await bus.readAll(topic);
    expect(Math.abs(record!.timestampMs - beforeMs)).toBeLessThan(60_000);
    await bus.close();
  });

  it('keeps what a group that comes back has not read, and says so when it is deleted at last', async () => {
    const errors = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const topic = `test.${randomUUID()}`;
    const count = async () =>
      (await database.query(`SELECT 1 FROM bus.record JOIN bus.topic USING (topic_id) WHERE name = $1`, [topic]))
        .length;
    const bus = await openWith(3_600_000);
    await bus.createTopics([{ name: topic, partitions: 1, compacted: false }]);
    const read: number[] = [];
    const subscribe = (group: string, isLasting: boolean) =>
      bus.subscribe({
        group,
        topics: [topic],
        isLasting,
        handler: async ({ records }) => void read.push(records.length),
      });
    for (const [group, isLasting] of [
      ['comes-back', true],
      ['made-up', false],
    ] as const) {
      const subscription = subscribe(group, isLasting);
      await subscription.ready;
      await subscription.close();
    }
    await bus.publish(['1', '2', '3'].map((text) => ({ topic, key: 'k', headers: {}, value: Buffer.from(text) })));
    const reader = subscribe('made-up', false);
    await vi.waitFor(() => expect(read).toEqual([3]));
    await reader.close();
    await pause(200);
    expect(await count()).toBe(3);
    await bus.close();
    const later = await openWith(1);
    await vi.waitFor(async () => expect(await count()).toBe(0), { timeout: 10_000 });
    await vi.waitFor(() => expect(errors.mock.calls).toEqual([[expect.stringContaining(`comes-back, ${topic}[0]`)]]));
    expect(errors.mock.calls[0]![0]).toMatch(/^3 records were deleted/);
    await later.close();
    errors.mockRestore();
  });

  it('compacts and deletes what is old, and readers skip the gaps', async () => {
    const bus = await createEventBus({ carrier: 'postgres', database, maintainEveryMs: 50, retentionMs: 1 });
    const [kept, plain] = [`test.${randomUUID()}`, `test.${randomUUID()}`];
    await bus.createTopics([
      { name: kept, partitions: 1, compacted: true },
      { name: plain, partitions: 1, compacted: false },
    ]);
    for (const round of ['1', '2', '3']) {
      await bus.publish([kept, plain].map((topic) => ({ topic, key: 'k', headers: {}, value: Buffer.from(round) })));
    }
    await vi.waitFor(
      async () => {
        const rows = await database.query(
          'SELECT name FROM bus.record JOIN bus.topic USING (topic_id) WHERE name = ANY($1)',
          [[kept, plain]],
        );
        expect(rows).toEqual([{ name: kept }]);
      },
      { timeout: 10_000 },
    );
    const seen: string[] = [];
    const subscription = bus.subscribe({
      group: 'late',
      topics: [kept, plain],
      handler: async ({ records }) => void seen.push(...records.map((record) => record.value!.toString())),
    });
    await vi.waitFor(() => expect(seen).toEqual(['3']));
    await vi.waitFor(async () => expect(await subscription.lag()).toEqual({ [kept]: 0, [plain]: 0 }));
    await bus.close();
  });

  it('compacts only what every group that comes back has read: whoever was away finds each order, not the last one alone', async () => {
    const bus = await createEventBus({ carrier: 'postgres', database, maintainEveryMs: 20 });
    const topic = `test.${randomUUID()}`;
    await bus.createTopics([{ name: topic, partitions: 1, compacted: true }]);
    const values: string[] = [];
    const subscribe = () =>
      bus.subscribe({
        group: `records-${topic}`,
        topics: [topic],
        handler: async ({ records }) => void values.push(...records.map(({ value }) => String(value))),
      });
    const publish = (...texts: readonly string[]) =>
      bus.publish(texts.map((text) => ({ topic, key: 'k', headers: {}, value: Buffer.from(text) })));
    const rows = async () =>
      (await database.query('SELECT FROM bus.record JOIN bus.topic USING (topic_id) WHERE name = $1', [topic])).length;
    await publish('1');
    const before = subscribe();
    await vi.waitFor(() => expect(values).toEqual(['1']));
    await before.close();
    await publish('2', '3', '4');
    // Compacted is what was read.
    await vi.waitFor(async () => expect(await rows()).toBe(3), { timeout: 10_000 });
    await pause(200);
    const after = subscribe();
    await vi.waitFor(() => expect(values).toEqual(['1', '2', '3', '4']), { timeout: 10_000 });
    await vi.waitFor(async () => expect(await rows()).toBe(1), { timeout: 10_000 });
    await after.close();
    await bus.close();
  });

  it('drops days of the log as a whole, keeps what is compacted, and says what nobody had read', async () => {
    const errors = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const [kept, plain] = [`test.${randomUUID()}`, `test.${randomUUID()}`];
    const writer = await createEventBus({ carrier: 'postgres', database, maintainEveryMs: 0 });
    await writer.createTopics([
      { name: kept, partitions: 1, compacted: true },
      { name: plain, partitions: 1, compacted: false },
    ]);
    const reader = writer.subscribe({ group: 'behind', topics: [plain], startFrom: 'latest', handler: async () => {} });
    await reader.ready;
    await reader.close();
    await writer.publish(
      [kept, plain, plain].map((topic) => ({ topic, key: 'k', headers: {}, value: Buffer.from('1') })),
    );
    const own = '(SELECT topic_id FROM bus.topic WHERE name = ANY($1))';
    await database.query(`CREATE TABLE bus.record_20200101 PARTITION OF bus.record FOR VALUES IN (20200101)`);
    await database.query(
      `UPDATE bus.record SET segment = 20200101, timestamp_ms = 1577840000000 WHERE topic_id IN ${own}`,
      [[kept, plain]],
    );
    await writer.publish([{ topic: plain, key: 'k', headers: {}, value: Buffer.from('today') }]);
    // Kept for 7 days, 30 where somebody has not read it: both are over, and nothing is deleted row by row.
    const maintainer = await createEventBus({ carrier: 'postgres', database, maintainEveryMs: 20 });
    await vi.waitFor(
      async () => {
        const [row] = await database.query(`SELECT to_regclass('bus.record_20200101') AS there`);
        expect(row).toEqual({ there: null });
      },
      { timeout: 10_000 },
    );
    await vi.waitFor(() =>
      expect(errors.mock.calls).toEqual([[expect.stringMatching(/^2 records were deleted .* behind, /)]]),
    );
    await maintainer.close();
    expect((await writer.readAll(kept)).map(({ value }) => String(value))).toEqual(['1']);
    expect((await writer.readAll(plain)).map(({ value }) => String(value))).toEqual(['today']);
    await writer.close();
    errors.mockRestore();
  });

  it('deletes all that is old of one partition, however much that is', async () => {
    const topic = `test.${randomUUID()}`;
    const bus = await createEventBus({ carrier: 'postgres', database, maintainEveryMs: 0, retentionMs: 1 });
    await bus.createTopics([{ name: topic, partitions: 1, compacted: false }]);
    const records = Array.from({ length: 2_600 }, () => ({ topic, key: 'k', headers: {}, value: Buffer.from('1') }));
    await bus.publish(records);
    await pause(5);
    await (bus as unknown as { maintain(): Promise<number> }).maintain();
    const left = await database.query('SELECT 1 FROM bus.record JOIN bus.topic USING (topic_id) WHERE name = $1', [
      topic,
    ]);
    expect(left).toEqual([]);
    await bus.close();
  });

  it('takes an order while bulk work has all of the connections', async () => {
    const crowded = await openDatabase({ url: database.url, maxConnections: 2 });
    const [orders, bulk] = [`test.${randomUUID()}`, `test.${randomUUID()}`];
    const bus = await createEventBus({
      carrier: 'postgres',
      database: crowded,
      maintainEveryMs: 0,
      bulkTopics: new Set([bulk]),
    });
    await bus.createTopics([orders, bulk].map((name) => ({ name, partitions: 1, compacted: false })));
    await bus.publish([...one(orders), ...one(bulk)]);
    const order: string[] = [];
    const busy = Promise.all([1, 2].map(() => crowded.query('SELECT pg_sleep(1.5)'))).then(() =>
      order.push('free again'),
    );
    await Promise.all([
      busy,
      bus.publish(one(bulk)).then(() => order.push('bulk')),
      bus.publish(one(orders)).then(() => order.push('order')),
    ]);
    expect(order[0]).toBe('order');
    expect(order).toHaveLength(3);
    await bus.close();
    await crowded.close();
  });
});

function one(topic: string): Parameters<EventBus['publish']>[0] {
  return [{ topic, key: 'k', headers: {}, value: Buffer.from('1') }];
}

/** `teststrip dead-letters …` on the database that the environment names. */
async function cli(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((texts.out += String(text)), true)),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((texts.err += String(text)), true)),
  ];
  const code = await runCommand(['dead-letters', ...words], new AbortController().signal);
  for (const spy of spies) spy.mockRestore();
  return { code, ...texts };
}
