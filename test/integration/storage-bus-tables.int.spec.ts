import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createEventBus, type EventBus } from '#libs/messaging';
import { migrate, openDatabase, type Database } from '#libs/persistence';
import { createDataSource } from '#libs/persistence/schema';
import { withDatabase, type TestDatabase } from '#libs/testing/database';

const TOPIC = 'image.scored.v1';
const GROUP = 'reader';

describe('the tables of the bus', () => {
  it('come with the migrations to a process that only opens the bus, whoever else starts at the same moment', async () => {
    const fresh = await withDatabase();
    const other = await openDatabase({ url: fresh.url });
    const [bus, second, ...ran] = await Promise.all([open(fresh), open(other), migrate(other), migrate(fresh)]);
    expect(ran.filter((names) => names.length > 0).length).toBeLessThanOrEqual(1);
    const twice = await fresh.query('select 1 from teststrip.migrations group by name having count(*) > 1');
    expect(twice).toEqual([]);
    await bus.createTopics([{ name: TOPIC, partitions: 1, compacted: false }]);
    await publish(second, 'first');
    expect(await consumed(bus, 1)).toEqual(['0 first']);
    await bus.close();
    await second.close();
    await other.close();
    await fresh.close();
  });
});

describe('tables that the bus once created by itself', () => {
  let before: TestDatabase;
  beforeAll(async () => {
    before = await withDatabase();
    await leaveAsBefore(before);
  });
  afterAll(() => before.close());

  it('are taken over: topics, records and positions go on where they were', async () => {
    expect(await migrate(before)).toContain('Bus1790000000003');
    const bus = await open(before);
    await publish(bus, 'third');
    expect(await consumed(bus, 2), 'what was consumed does not come again').toEqual(['1 second', '2 third']);
    expect((await bus.readAll(TOPIC)).map(({ value }) => String(value))).toEqual(['first', 'second', 'third']);
    await bus.createTopics([{ name: 'another', partitions: 1, compacted: false }]);
    await bus.close();
  });
});

function open(database: Database): Promise<EventBus> {
  return createEventBus({ carrier: 'postgres', database, checkEveryMs: 200, maintainEveryMs: 0 });
}

function publish(bus: EventBus, value: string): Promise<void> {
  return bus.publish([{ topic: TOPIC, key: 'unit', headers: { of: 'test' }, value: Buffer.from(value) }]);
}

/** The next `count` records of the group, as offset and value; the position after them is committed. */
async function consumed(bus: EventBus, count: number): Promise<readonly string[]> {
  const seen: string[] = [];
  const subscription = bus.subscribe({
    group: GROUP,
    topics: [TOPIC],
    handler: async ({ records }) => void seen.push(...records.map(({ offset, value }) => `${offset} ${String(value)}`)),
  });
  await subscription.ready;
  await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(count), { timeout: 10_000 });
  await subscription.close();
  return seen;
}

/** A database as the version before left it: its own migrations, the bus's tables made by the bus, one record of two consumed. */
async function leaveAsBefore(database: TestDatabase): Promise<void> {
  const donor = await withDatabase();
  const bus = await open(donor);
  await bus.createTopics([{ name: TOPIC, partitions: 1, compacted: false }]);
  await publish(bus, 'first');
  expect(await consumed(bus, 1)).toEqual(['0 first']);
  await publish(bus, 'second');
  await bus.close();

  await migrate(database);
  const source = await createDataSource({
    url: database.url,
    connections: 1,
    access: 'read-write',
    applicationName: 'teststrip tests',
  }).initialize();
  while ((await database.query(`select 1 from pg_namespace where nspname = 'bus'`)).length > 0) {
    await source.undoLastMigration({ transaction: 'each' });
  }
  await source.destroy();
  await database.query(TABLES_OF_BEFORE);
  for (const table of ['topic', 'partition', 'record', 'consumer_group', 'position']) {
    const [given] = await donor.query<{ rows: unknown }>(`select json_agg(held) as rows from bus.${table} as held`);
    await database.query(
      `insert into bus.${table} overriding system value select * from json_populate_recordset(null::bus.${table}, $1)`,
      [JSON.stringify(given?.rows)],
    );
  }
  await database.query(`select setval(pg_get_serial_sequence('bus.topic', 'topic_id'), max(topic_id)) from bus.topic`);
  await donor.close();
}

/** How the bus made its tables when it made them by itself. Never to be changed: databases like this exist. */
const TABLES_OF_BEFORE = `
  CREATE SCHEMA IF NOT EXISTS bus;

  CREATE TABLE IF NOT EXISTS bus.topic (
    topic_id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    partitions integer NOT NULL CHECK (partitions > 0),
    compacted  boolean NOT NULL
  );

  CREATE TABLE IF NOT EXISTS bus.partition (
    topic_id    integer NOT NULL REFERENCES bus.topic,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic_id, partition)
  ) WITH (fillfactor = 20);

  CREATE TABLE IF NOT EXISTS bus.record (
    topic_id     integer NOT NULL,
    partition    integer NOT NULL,
    "offset"     bigint NOT NULL,
    timestamp_ms bigint NOT NULL,
    key          bytea,
    headers      bytea NOT NULL,
    value        bytea,
    PRIMARY KEY (topic_id, partition, "offset")
  );
  ALTER TABLE bus.record ALTER COLUMN value SET STORAGE EXTERNAL;

  CREATE TABLE IF NOT EXISTS bus.consumer_group (
    group_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text NOT NULL,
    topic_id integer NOT NULL REFERENCES bus.topic,
    UNIQUE (name, topic_id)
  );

  CREATE TABLE IF NOT EXISTS bus.position (
    group_id    integer NOT NULL REFERENCES bus.consumer_group,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (group_id, partition)
  ) WITH (fillfactor = 20);
`;
