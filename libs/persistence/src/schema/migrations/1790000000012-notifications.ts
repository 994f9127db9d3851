import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What people are told of decisions waits here until their receivers have it. */
export class Notifications1790000000012 implements MigrationInterface {
  readonly name = 'Notifications1790000000012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table teststrip.notifications (
        id              bigint      generated always as identity primary key,
        receiver        text        not null,
        experiment      text        not null,
        notification_id text        not null,
        body            text        not null,
        attempts        integer     not null default 0,
        added_at        timestamptz not null default now(),
        due_at          timestamptz not null default now(),
        given_up_at     timestamptz,
        last_error      text
      );
      create index notifications_receiver_experiment_id on teststrip.notifications (receiver, experiment, id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table teststrip.notifications');
  }
}
