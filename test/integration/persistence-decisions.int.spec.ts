import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { migrate, openDatabase } from '#libs/persistence';
import { createEvidenceStore } from '#libs/persistence/analyzer';
import { createExperimentStore, VersionConflictError } from '#libs/persistence/decision';
import { createOutbox, startOutboxRelay, type OutboxRecord } from '#libs/persistence/outbox';
import { createPositions, StalePositionError } from '#libs/persistence/positions';
import { createDataSource } from '#libs/persistence/schema';
import { withDatabase, type TestDatabase } from '#libs/testing/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await withDatabase();
});
afterAll(() => database.close());

describe('migrate', () => {
  it('survives two starters at once, and a third one later finds nothing to do', async () => {
    const other = await openDatabase({ url: database.url });
    const ran = await Promise.all([migrate(database), migrate(other), migrate(database)]);
    await other.close();
    expect(ran.filter((names) => names.length > 0)).toHaveLength(1);
    expect(await migrate(database)).toEqual([]);
  });

  it('can be taken back and run again', async () => {
    const fresh = await withDatabase();
    await migrate(fresh);
    const source = await createDataSource({
      url: fresh.url,
      connections: 1,
      access: 'read-write',
      applicationName: 'teststrip tests',
    }).initialize();
    for (const _ of source.migrations) await source.undoLastMigration({ transaction: 'each' });
    const left = await fresh.query(
      `select 1 from information_schema.tables where table_schema in ('teststrip', 'bus') and table_name not in ('migrations', 'typeorm_metadata')`,
    );
    await source.destroy();
    expect(left).toEqual([]);
    expect(await migrate(fresh)).not.toEqual([]);
    await fresh.close();
  });
});

describe('consumed positions', () => {
  it('are unknown at first, move on, and belong to their group alone', async () => {
    const positions = createPositions(database, 'analyzer');
    expect(await positions.read('t', 0)).toBeUndefined();
    await positions.write(database, { topic: 't', partition: 0, nextOffset: 9_007_199_254_740_000 });
    expect(await positions.read('t', 0)).toBe(9_007_199_254_740_000);
    expect(await positions.read('t', 1)).toBeUndefined();
    expect(await createPositions(database, 'recorder').read('t', 0)).toBeUndefined();
  });

  it('refuse to move backwards, and take the whole transaction with them', async () => {
    const positions = createPositions(database, 'late');
    await positions.write(database, { topic: 't', partition: 0, nextOffset: 30 });
    const late = database.transaction(async (tx) => {
      await positions.write(tx, { topic: 't', partition: 1, nextOffset: 5 });
      await positions.write(tx, { topic: 't', partition: 0, nextOffset: 20 });
    });
    await expect(late).rejects.toThrow(StalePositionError);
    await expect(late).rejects.toThrow('position 20 is behind the stored 30');
    expect(await positions.read('t', 1)).toBeUndefined();
    // Who writes more than facts has to move on from where it left off itself.
    const moved = (movedFrom: number | undefined, nextOffset: number) =>
      positions.write(
        database,
        { topic: 't', partition: 0, nextOffset, movedFrom },
        { topic: 't', partition: 2, nextOffset: 1, movedFrom: undefined },
      );
    await expect(moved(20, 40)).rejects.toThrow(StalePositionError);
    await moved(30, 40);
    await moved(undefined, 41);
    expect(await positions.read('t', 0)).toBe(41);
    await positions.forget(database, 't', 0);
    expect(await positions.read('t', 0)).toBeUndefined();
  });
});

describe('evidence snapshots', () => {
  it('come back byte for byte, replaced as a whole', async () => {
    const store = createEvidenceStore(database);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    const snapshot = {
      experiment: 'int8',
      revision: 1,
      topicPartition: 'unit-3',
      positions: { 'request.routed.v1': 17 },
      evidence: bytes,
      takenAtMs: 1_790_000_000_123,
    };
    await store.save(database, [
      { ...snapshot, evidence: Buffer.from('old') },
      { ...snapshot, topicPartition: 'unit-1' },
    ]);
    await store.save(database, [snapshot]);
    expect(await store.load({ experiment: 'int8', topicPartition: 'unit-3' })).toEqual([snapshot]);
    expect(await store.load({ revision: 1 })).toHaveLength(2);
    await store.forget(database, { experiment: 'int8', revision: 1 });
    expect(await store.load()).toEqual([]);
  });
});

describe('experiments', () => {
  const change = { key: 'sampler', revision: 1, state: { status: 'running' }, spec: { alpha: 0.05 } };
  const event = {
    revision: 1,
    kind: 'started',
    data: { lnE: 1 / 3 },
    actor: 'controller',
    occurredAtMs: 1_790_000_000_123,
  };

  it('keep their state by version, with every event in order', async () => {
    const store = createExperimentStore(database);
    expect(await store.load('sampler')).toBeUndefined();
    expect(await store.save(database, { ...change, expectedVersion: 0, events: [event] })).toBe(1);
    const later = [
      { ...event, kind: 'advanced' },
      { ...event, kind: 'rolled-back', revision: 2 },
    ];
    expect(await store.save(database, { ...change, revision: 2, expectedVersion: 1, events: later })).toBe(2);
    expect(await store.load('sampler')).toMatchObject({ ...change, revision: 2, version: 2 });
    expect((await store.list()).map(({ key }) => key)).toEqual(['sampler']);
    const log = await store.events('sampler');
    expect(log.map(({ sequence, kind }) => [sequence, kind])).toEqual([
      [1, 'started'],
      [2, 'advanced'],
      [3, 'rolled-back'],
    ]);
    expect(log[0]).toMatchObject({ data: event.data, actor: 'controller', occurredAt: new Date(event.occurredAtMs) });
    expect(await store.events('sampler', { revision: 2 })).toHaveLength(1);
    expect(await store.events('sampler', { afterSequence: 1, limit: 1 })).toMatchObject([{ sequence: 2 }]);
  });

  it('let one of two concurrent writers win and leave no trace of the other', async () => {
    const store = createExperimentStore(database);
    const create = { ...change, key: 'race', expectedVersion: 0, events: [event] };
    const attempts = await Promise.allSettled(
      [1, 2, 3].map(() => database.transaction((tx) => store.save(tx, create))),
    );
    const refused = attempts.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused).toHaveLength(2);
    expect(refused[0]?.reason).toBeInstanceOf(VersionConflictError);
    await expect(store.save(database, { ...create, expectedVersion: 7 })).rejects.toThrow(VersionConflictError);
    expect(await store.events('race')).toHaveLength(1);
  });

  it('have an audit log that nobody can rewrite', async () => {
    await expect(database.query(`update teststrip.decision_events set actor = 'somebody'`)).rejects.toThrow(
      'audit log',
    );
    await expect(database.query('delete from teststrip.decision_events')).rejects.toThrow('audit log');
  });
});

describe('outbox', () => {
  it('publishes what was committed, and nothing of what was rolled back', async () => {
    const outbox = createOutbox(database);
    const publisher = collector();
    const relay = await startOutboxRelay({ database, publisher, pollEveryMs: 60_000 });
    await database
      .transaction(async (tx) => {
        await outbox.add(tx, [record('a', 'never')]);
        throw new Error('changed my mind');
      })
      .catch(() => undefined);
    await database.transaction((tx) => outbox.add(tx, [record('a', 'one'), record('b', 'two')]));
    await vi.waitFor(() => expect(publisher.seen).toEqual([record('a', 'one'), record('b', 'two')]), { interval: 1 });
    await vi.waitFor(async () => expect((await outbox.waiting()).size).toBe(0), { interval: 1 });
    await relay.close();
  });

  it('reaches the publisher within milliseconds of the commit', async () => {
    const outbox = createOutbox(database);
    let arrived: (() => void) | undefined;
    const publisher = { publish: async (): Promise<void> => arrived?.() };
    const relay = await startOutboxRelay({ database, publisher, pollEveryMs: 60_000 });
    const delaysMs: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const arrival = new Promise<void>((resolve) => (arrived = resolve));
      await database.transaction((tx) => outbox.add(tx, [record('a', String(round))]));
      const committedAt = performance.now();
      await arrival;
      delaysMs.push(performance.now() - committedAt);
    }
    await relay.close();
    delaysMs.sort((a, b) => a - b);
    expect(delaysMs[10]).toBeLessThan(50);
  });

  it('lets a record that the bus does not take hold up its own key alone, with growing pauses', async () => {
    const outbox = createOutbox(database);
    const { seen, publish } = collector();
    let refuses = true;
    const errors: string[] = [];
    const publisher = {
      publish: async (records: readonly OutboxRecord[]): Promise<void> => {
        if (refuses && records.some(({ value }) => value.toString() === 'bad')) throw new Error('no such topic');
        await publish(records);
      },
    };
    const texts = (key: string): readonly string[] =>
      seen.filter((one) => one.key === key).map(({ value }) => value.toString());
    const relay = await startOutboxRelay({ database, publisher, onError: ({ message }) => errors.push(message) });
    await database.transaction((tx) =>
      outbox.add(tx, [
        record('other', 'good'),
        record('other', 'bad'),
        record('other', 'later'),
        record('mine', 'one'),
      ]),
    );
    await vi.waitFor(() => expect(texts('mine')).toEqual(['one']), { interval: 1 });
    await database.transaction((tx) => outbox.add(tx, [record('mine', 'rollback')]));
    await vi.waitFor(() => expect(texts('mine')).toEqual(['one', 'rollback']), { interval: 1 });
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(2), { timeout: 5_000 });
    expect(errors.slice(0, 3)).toEqual(
      [200, 400, 800].map((ms) => `records of "other" wait ${ms} ms for the next attempt: no such topic`),
    );
    expect(texts('other')).toEqual(['good']);
    expect(await outbox.waiting()).toMatchObject({ size: 2, oldestKey: 'other' });

    refuses = false;
    await vi.waitFor(() => expect(texts('other')).toEqual(['good', 'bad', 'later']), { timeout: 5_000 });
    await vi.waitFor(async () => expect((await outbox.waiting()).size).toBe(0), { interval: 1 });
    await relay.close();
  });

  it('publishes a command at once, whatever waits in other topics and although the bus hangs on one of them', async () => {
    const outbox = createOutbox(database);
    const { seen, publish } = collector();
    let release: (() => void) | undefined;
    const hanging = new Promise<void>((resolve) => (release = resolve));
    const publisher = {
      publish: async (records: readonly OutboxRecord[]): Promise<void> => {
        if (records.some(({ topic }) => topic === 'experiment.defined.v1')) await hanging;
        else await publish(records);
      },
    };
    const flood = Array.from({ length: 10_000 }, (_, index) => ({
      ...record(`key-${index}`, 'definition'),
      topic: index % 2 === 0 ? 'experiment.defined.v1' : 'service.defined.v1',
    }));
    await database.transaction((tx) => outbox.add(tx, flood));
    const relay = await startOutboxRelay({ database, publisher, pollEveryMs: 60_000 });
    await database.transaction((tx) => outbox.add(tx, [record('mine', 'rollback')]));
    const addedAtMs = performance.now();
    await vi.waitFor(() => expect(seen).toContainEqual(record('mine', 'rollback')), { timeout: 5_000, interval: 1 });
    // 20 ms at most beside 10,000 others; before topics had lanes of their own it waited for all of them.
    expect(performance.now() - addedAtMs).toBeLessThan(500);
    const others = (): number => seen.filter(({ topic }) => topic === 'service.defined.v1').length;
    await vi.waitFor(() => expect(others()).toBe(5_000), { timeout: 10_000 });
    release?.();
    await vi.waitFor(async () => expect((await outbox.waiting()).size).toBe(0), { timeout: 10_000 });
    await relay.close();
  });

  it('keeps order per key with several relays, writers and failures of the bus', async () => {
    const outbox = createOutbox(database);
    const seen: OutboxRecord[] = [];
    let attempts = 0;
    const publisher = {
      publish: async (records: readonly OutboxRecord[]): Promise<void> => {
        attempts += 1;
        if (attempts % 5 === 2) throw new Error('the bus is away');
        await database.query('select pg_sleep(0.001)');
        seen.push(...records);
      },
    };
    const errors: string[] = [];
    const relays = await Promise.all(
      [1, 2, 3].map(() =>
        startOutboxRelay({
          database,
          publisher,
          batchSize: 3,
          pollEveryMs: 20,
          onError: ({ message }) => errors.push(message),
        }),
      ),
    );
    const write = async (key: string): Promise<void> => {
      for (let number = 0; number < 30; number += 1) {
        await database.transaction((tx) => outbox.add(tx, [record(key, `${key}-${number}`)]));
      }
    };
    await Promise.all(['x', 'y', 'z'].map(write));
    await vi.waitFor(async () => expect((await outbox.waiting()).size).toBe(0), { timeout: 10_000 });
    await Promise.all(relays.map((relay) => relay.close()));
    expect(errors.join()).toContain('the bus is away');
    for (const key of ['x', 'y', 'z']) {
      const numbers = seen.filter((one) => one.key === key).map(({ value }) => Number(value.toString().slice(2)));
      expect(numbers).toEqual(Array.from({ length: 30 }, (_, number) => number));
    }
  });
});

function record(key: string, text: string): OutboxRecord {
  return { topic: 'allocation.commanded.v1', key, headers: { ce_id: text }, value: Buffer.from(text) };
}

function collector(): { readonly seen: OutboxRecord[]; publish(records: readonly OutboxRecord[]): Promise<void> } {
  const seen: OutboxRecord[] = [];
  return { seen, publish: async (records) => void seen.push(...records) };
}
