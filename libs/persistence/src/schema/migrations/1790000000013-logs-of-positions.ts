import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Positions name the log they belong to, and the bus knows the groups that come back. */
export class LogsOfPositions1790000000013 implements MigrationInterface {
  readonly name = 'LogsOfPositions1790000000013';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table bus.log (
        is_the_one boolean not null default true primary key check (is_the_one),
        log_id     uuid    not null
      );
      alter table bus.consumer_group add column is_lasting boolean not null default true;
      -- Groups that were made up for one process end with a random id.
      update bus.consumer_group set is_lasting = false
       where name ~ '-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';
      alter table teststrip.consumed_positions add column log text, add column restart_at text`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table teststrip.consumed_positions drop column log, drop column restart_at;
      alter table bus.consumer_group drop column is_lasting;
      drop table bus.log`);
  }
}
