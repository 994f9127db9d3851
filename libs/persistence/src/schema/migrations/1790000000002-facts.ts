import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Raw facts as they came over the bus, definitions, commands and their application, analyses, and counted traffic. */
export class Facts1790000000002 implements MigrationInterface {
  readonly name = 'Facts1790000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}

// Facts arrive nearly in the order of time, so a BRIN index of a few pages is enough for retention.
const UP = `
create table teststrip.requests (
  event_id    text             not null primary key,
  request_id  text             not null,
  service     text             not null,
  experiment  text,
  revision    integer,
  variant     text,
  unit        text,
  assignment  jsonb,
  upstream    text             not null,
  outcome     text             not null,
  status      integer,
  started_at  timestamptz      not null,
  duration_ms double precision
);
create index requests_request_id on teststrip.requests (request_id);
create index requests_started_at on teststrip.requests using brin (started_at);

create table teststrip.generations (
  event_id        text             not null primary key,
  generation_id   text             not null,
  request_id      text             not null,
  service         text             not null,
  experiment      text,
  revision        integer,
  variant         text,
  unit            text,
  fingerprint     text             not null,
  config          jsonb            not null,
  prompt          text             not null,
  seed            bigint           not null,
  outcome         text             not null,
  error           text,
  queue_ms        double precision not null,
  inference_ms    double precision not null,
  total_ms        double precision not null,
  gpu_seconds     double precision not null,
  gpu_utilisation double precision not null,
  memory_mib      double precision not null,
  cost            double precision not null,
  images          jsonb            not null,
  shadow          boolean          not null,
  completed_at    timestamptz      not null
);
create index generations_generation_id on teststrip.generations (generation_id);
create index generations_latest on teststrip.generations (experiment, revision, variant, completed_at);
create index generations_completed_at on teststrip.generations using brin (completed_at);

create table teststrip.image_scores (
  event_id         text        not null primary key,
  generation_id    text        not null,
  image_index      integer     not null,
  request_id       text        not null,
  service          text        not null,
  experiment       text,
  revision         integer,
  variant          text,
  unit             text,
  image_uri        text        not null,
  image_sha256     text        not null,
  outcome          text        not null,
  reason           text,
  alignment        double precision,
  quality          jsonb       not null,
  blank            boolean     not null,
  embedding        bytea,
  prompt_truncated boolean     not null,
  identity         jsonb       not null,
  scored_at        timestamptz not null
);
create index image_scores_generation on teststrip.image_scores (generation_id, image_index);
create index image_scores_latest on teststrip.image_scores (experiment, revision, variant, scored_at);
create index image_scores_scored_at on teststrip.image_scores using brin (scored_at);

create table teststrip.feedback (
  event_id      text        not null primary key,
  request_id    text        not null,
  generation_id text,
  service       text        not null,
  experiment    text,
  revision      integer,
  variant       text,
  unit          text,
  kind          text        not null,
  rating        double precision,
  given_at      timestamptz not null
);
create index feedback_latest on teststrip.feedback (experiment, revision, variant, given_at);
create index feedback_given_at on teststrip.feedback using brin (given_at);

create table teststrip.preferences (
  event_id            text        not null primary key,
  experiment          text        not null,
  revision            integer     not null,
  rater               text        not null,
  prompt              text        not null,
  left_variant        text        not null,
  left_generation_id  text        not null,
  right_variant       text        not null,
  right_generation_id text        not null,
  preferred           text        not null,
  judged_at           timestamptz not null
);
create index preferences_experiment on teststrip.preferences (experiment, revision);

create table teststrip.experiment_definitions (
  experiment   text        not null,
  revision     integer     not null,
  spec         jsonb       not null,
  fingerprints jsonb       not null,
  defined_at   timestamptz not null,
  defined_by   text        not null,
  primary key (experiment, revision)
);

create table teststrip.commands (
  command_id   text        not null primary key,
  experiment   text        not null,
  service      text        not null,
  revision     integer     not null,
  epoch        integer     not null,
  command      text        not null,
  stage        integer     not null,
  weights_ppm  jsonb       not null,
  reason       text        not null,
  message      text        not null,
  evidence     jsonb,
  actor        text        not null,
  commanded_at timestamptz not null,
  terminal     boolean     not null
);
create index commands_experiment_epoch on teststrip.commands (experiment, epoch);

create table teststrip.applied_allocations (
  event_id     text        not null primary key,
  command_id   text        not null,
  experiment   text        not null,
  revision     integer     not null,
  epoch        integer     not null,
  router       text        not null,
  outcome      text        not null,
  reason       text,
  weights_ppm  jsonb       not null,
  commanded_at timestamptz not null,
  applied_at   timestamptz not null
);
create index applied_allocations_experiment_epoch on teststrip.applied_allocations (experiment, epoch);

create table teststrip.analyses (
  experiment  text        not null,
  revision    integer     not null,
  second      timestamptz not null,
  signature   text        not null,
  analysed_at timestamptz not null,
  analysis    jsonb       not null,
  primary key (experiment, revision, second, signature)
);

create table teststrip.traffic (
  experiment text        not null,
  revision   integer     not null,
  variant    text        not null,
  epoch      integer     not null,
  outcome    text        not null,
  requests   bigint      not null,
  first_at   timestamptz not null,
  last_at    timestamptz not null,
  primary key (experiment, revision, variant, epoch, outcome)
) with (fillfactor = 50);

create table teststrip.controllers (
  controller        text        not null primary key,
  last_heartbeat_at timestamptz not null,
  running           jsonb       not null
) with (fillfactor = 50);
`;

const DOWN = `
drop table teststrip.requests, teststrip.generations, teststrip.image_scores, teststrip.feedback, teststrip.preferences,
  teststrip.experiment_definitions, teststrip.commands, teststrip.applied_allocations, teststrip.analyses,
  teststrip.traffic, teststrip.controllers;
`;
