import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Analyzers may share the partitions; what they say of them is kept by part. */
export class SharedParts1790000000024 implements MigrationInterface {
  readonly name = 'SharedParts1790000000024';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table teststrip.evidence_parts (
        topic        text    not null,
        partition    integer not null,
        generation   integer not null,
        folded_until timestamptz,
        primary key (topic, partition)
      );
      -- Nothing was ever published there.
      update bus.topic set compacted = true where name = 'evidence.summarised.v1'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table teststrip.evidence_parts');
  }
}
