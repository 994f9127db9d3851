import type { MigrationInterface, QueryRunner } from 'typeorm';

/** In which part of a divided service the unit of a request is. Rows of before, and those of a service that one slot spans, have none. */
export class SlotOfARequest1790000000010 implements MigrationInterface {
  readonly name = 'SlotOfARequest1790000000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table teststrip.requests add column slot text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table teststrip.requests drop column slot');
  }
}
