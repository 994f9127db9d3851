import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is no decision leaves the decision log: routers' answers, and when analyses were heard. A stored state says in which form it is. */
export class BesideTheLog1790000000009 implements MigrationInterface {
  readonly name = 'BesideTheLog1790000000009';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  /** Answers of before are in the decision log still; later ones are in the recorder's facts. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop table teststrip.analyses_heard;
      drop table teststrip.acknowledgements;
      alter table teststrip.experiments drop column state_form`);
  }
}

const UP = `
alter table teststrip.experiments add column state_form integer;

create table teststrip.acknowledgements (
  experiment  text        not null,
  router      text        not null,
  epoch       integer     not null,
  answer      jsonb       not null,
  recorded_at timestamptz not null default now(),
  primary key (experiment, router)
);

create table teststrip.analyses_heard (
  experiment text        not null primary key,
  heard_at   timestamptz not null
);
`;
