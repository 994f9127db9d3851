import type { Database } from '#libs/persistence';

/**
 * The tables of the bus. They live in a schema of their own and are created by whoever opens the bus first;
 * the advisory lock keeps two starters apart, because IF NOT EXISTS alone does not.
 */
export async function createBusTables(database: Database): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
    await tx.query(TABLES);
  });
}

/** Any number that nothing else in the database locks. */
const SCHEMA_LOCK = 5_347_201_166;

const TABLES = `
  CREATE SCHEMA IF NOT EXISTS bus;

  CREATE TABLE IF NOT EXISTS bus.topic (
    topic_id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    partitions integer NOT NULL CHECK (partitions > 0),
    compacted  boolean NOT NULL
  );

  -- One row per partition; its lock is held from drawing offsets to the commit, so offset order is commit order and a reader
  -- that sees an offset sees all smaller ones. The free space keeps the constant updates on one page (HOT).
  CREATE TABLE IF NOT EXISTS bus.partition (
    topic_id    integer NOT NULL REFERENCES bus.topic,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic_id, partition)
  ) WITH (fillfactor = 20);

  -- The log. Headers are packed (see headers.ts); values are not compressed: small ones would gain nothing, and CPU is scarcer.
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

  -- A group on a topic has a number: advisory locks are made of two integers.
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
