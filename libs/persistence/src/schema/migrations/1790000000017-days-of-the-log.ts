import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The log of the Postgres carrier lies in one table for each day, so that old days are dropped instead of deleted row by row. What was there stays
 * where it is, as the table `record_before`; its key is built anew, which takes about a second for a million records.
 * Processes of the version before go on: they name no segment, and the database gives it.
 */
export class DaysOfTheLog1790000000017 implements MigrationInterface {
  readonly name = 'DaysOfTheLog1790000000017';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}

const UP = `
alter table bus.log add column maintained_at timestamptz;

create function bus.today() returns integer language sql stable
  as $$ select to_char(statement_timestamp() at time zone 'utc', 'YYYYMMDD')::integer $$;

alter table bus.record rename to record_before;
alter table bus.record_before add column segment integer not null default -1;
alter table bus.record_before drop constraint record_pkey;
alter table bus.record_before add constraint record_before_pkey primary key (topic_id, partition, "offset", segment);

create table bus.record (
  topic_id     integer not null,
  partition    integer not null,
  "offset"     bigint  not null,
  timestamp_ms bigint  not null,
  key          bytea,
  headers      bytea   not null,
  value        bytea,
  segment      integer not null default bus.today(),
  primary key (topic_id, partition, "offset", segment)
) partition by list (segment);
-- Values are not compressed: small ones would gain nothing, and processor time is scarcer than room.
alter table bus.record alter column value set storage external;

alter table bus.record attach partition bus.record_before for values in (-1);
create table bus.record_kept partition of bus.record for values in (0);
create table bus.record_rest partition of bus.record default;

do $$
declare day integer;
begin
  for ahead in 0..3 loop
    day := to_char((statement_timestamp() at time zone 'utc') + make_interval(days => ahead), 'YYYYMMDD')::integer;
    execute format('create table bus.%I partition of bus.record for values in (%s)', 'record_' || day, day);
  end loop;
end $$;
`;

const DOWN = `
alter table bus.record rename to record_of_days;
create table bus.record (
  topic_id     integer not null,
  partition    integer not null,
  "offset"     bigint  not null,
  timestamp_ms bigint  not null,
  key          bytea,
  headers      bytea   not null,
  value        bytea
);
alter table bus.record alter column value set storage external;
insert into bus.record select topic_id, partition, "offset", timestamp_ms, key, headers, value from bus.record_of_days;
drop table bus.record_of_days;
alter table bus.record add constraint record_pkey primary key (topic_id, partition, "offset");
drop function bus.today();
alter table bus.log drop column maintained_at;
`;
