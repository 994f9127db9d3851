import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A service is an aggregate of its own: its state with one epoch for all orders about it, and the log of what happened to it. */
export class Services1790000000007 implements MigrationInterface {
  readonly name = 'Services1790000000007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  /** Experiments go on with epochs of their own. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table teststrip.service_events; drop table teststrip.services');
  }
}

const UP = `
create table teststrip.services (
  name        text        not null primary key,
  version     integer     not null,
  epoch       integer     not null,
  state       jsonb       not null,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now()
);

create table teststrip.service_events (
  service     text        not null,
  sequence    integer     not null,
  kind        text        not null,
  data        jsonb       not null,
  actor       text        not null,
  occurred_at timestamptz not null,
  recorded_at timestamptz not null default now(),
  primary key (service, sequence)
);

create trigger service_events_append_only before update or delete or truncate on teststrip.service_events
  for each statement execute function teststrip.refuse_change();
`;
