import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Answers to orders with an idempotency key, for whoever sends one again. */
export class OrderAnswers1790000000011 implements MigrationInterface {
  readonly name = 'OrderAnswers1790000000011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table teststrip.order_answers');
  }
}

const UP = `
create table teststrip.order_answers (
  caller   text        not null,
  key      text        not null,
  request  text        not null,
  begun_at timestamptz not null default now(),
  status   integer,
  etag     text,
  body     text,
  primary key (caller, key)
);

create index order_answers_begun_at on teststrip.order_answers (begun_at);
`;
