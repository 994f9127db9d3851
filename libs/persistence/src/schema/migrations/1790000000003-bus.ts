import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The log of the Postgres carrier. Before there was this migration the carrier created these very tables by itself:
 * `if not exists` adopts them with what is in them.
 */
export class Bus1790000000003 implements MigrationInterface {
  readonly name = 'Bus1790000000003';

  async up(runner: QueryRunner): Promise<void> {
    // A process of the version before may be creating them at this moment, under this lock.
    await runner.query('select pg_advisory_xact_lock(5347201166)');
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop schema bus cascade');
  }
}

const UP = `
create schema if not exists bus;

create table if not exists bus.topic (
  topic_id   integer generated always as identity primary key,
  name       text    not null unique,
  partitions integer not null check (partitions > 0),
  compacted  boolean not null
);

-- The free space keeps the constant updates of a row on one page (HOT).
create table if not exists bus.partition (
  topic_id    integer not null references bus.topic,
  partition   integer not null,
  next_offset bigint  not null default 0,
  primary key (topic_id, partition)
) with (fillfactor = 20);

create table if not exists bus.record (
  topic_id     integer not null,
  partition    integer not null,
  "offset"     bigint  not null,
  timestamp_ms bigint  not null,
  key          bytea,
  headers      bytea   not null,
  value        bytea,
  primary key (topic_id, partition, "offset")
);
-- Values are not compressed: small ones would gain nothing, and processor time is scarcer than room.
alter table bus.record alter column value set storage external;

create table if not exists bus.consumer_group (
  group_id integer generated always as identity primary key,
  name     text    not null,
  topic_id integer not null references bus.topic,
  unique (name, topic_id)
);

create table if not exists bus.position (
  group_id    integer not null references bus.consumer_group,
  partition   integer not null,
  next_offset bigint  not null,
  primary key (group_id, partition)
) with (fillfactor = 20);
`;
