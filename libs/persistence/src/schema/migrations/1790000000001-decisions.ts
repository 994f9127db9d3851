import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Experiments and their audit log, the outbox, consumed positions and evidence snapshots. */
export class Decisions1790000000001 implements MigrationInterface {
  readonly name = 'Decisions1790000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}

const UP = `
create table teststrip.experiments (
  key         text        not null primary key,
  revision    integer     not null,
  version     integer     not null,
  state       jsonb       not null,
  spec        jsonb       not null,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now()
);

create table teststrip.decision_events (
  experiment  text        not null,
  sequence    integer     not null,
  revision    integer     not null,
  kind        text        not null,
  data        jsonb       not null,
  actor       text        not null,
  occurred_at timestamptz not null,
  recorded_at timestamptz not null default now(),
  primary key (experiment, sequence)
);

create function teststrip.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'teststrip.% is an audit log: rows are only ever added', tg_table_name;
end $$;

create trigger decision_events_append_only before update or delete or truncate on teststrip.decision_events
  for each statement execute function teststrip.refuse_change();

create table teststrip.outbox (
  id          bigint      generated always as identity primary key,
  topic       text        not null,
  key         text        not null,
  headers     jsonb       not null,
  value       bytea       not null,
  added_at    timestamptz not null default now()
);
create index outbox_key_id on teststrip.outbox (key, id);

create table teststrip.consumed_positions (
  consumer_group text        not null,
  topic          text        not null,
  partition      integer     not null,
  next_offset    bigint      not null,
  updated_at     timestamptz not null default now(),
  primary key (consumer_group, topic, partition)
);

create table teststrip.evidence_snapshots (
  experiment      text        not null,
  revision        integer     not null,
  topic_partition text        not null,
  positions       jsonb       not null,
  evidence        bytea       not null,
  taken_at        timestamptz not null,
  primary key (experiment, revision, topic_partition)
);
-- Every snapshot rewrites its row: leave room for that on the page.
alter table teststrip.consumed_positions set (fillfactor = 50);
alter table teststrip.evidence_snapshots set (fillfactor = 50);
`;

const DOWN = `
drop table teststrip.evidence_snapshots;
drop table teststrip.consumed_positions;
drop table teststrip.outbox;
drop table teststrip.decision_events;
drop function teststrip.refuse_change;
drop table teststrip.experiments;
`;
