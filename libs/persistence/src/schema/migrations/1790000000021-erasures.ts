import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whose data was erased, by whom and why: what a log that is read again says of them is left out. */
export class Erasures1790000000021 implements MigrationInterface {
  readonly name = 'Erasures1790000000021';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table teststrip.erasures (
        unit_digest bigint      not null primary key,
        erased_at   timestamptz not null,
        actor       text        not null,
        reason      text        not null,
        done_at     timestamptz,
        rows        jsonb
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table teststrip.erasures');
  }
}
