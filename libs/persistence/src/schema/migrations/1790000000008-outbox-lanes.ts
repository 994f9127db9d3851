import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The outbox is published topic by topic: what waits in one topic is found without reading the others. */
export class OutboxLanes1790000000008 implements MigrationInterface {
  readonly name = 'OutboxLanes1790000000008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create index outbox_topic_key_id on teststrip.outbox (topic, key, id);
      drop index teststrip.outbox_key_id`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create index outbox_key_id on teststrip.outbox (key, id);
      drop index teststrip.outbox_topic_key_id`);
  }
}
