import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createView, dropView } from './create-view.js';

/**
 * Tables of facts lie in one table for each day, which is dropped as a whole; embeddings have a table of their own; events' ids became digests, and what many facts say
 * alike is kept once. The rows of before are copied, which takes minutes for a million generations (docs/storage.md): reads go on meanwhile, a recorder of the
 * version before waits, and can't write afterwards.
 */
export class DaysOfFacts1790000000020 implements MigrationInterface {
  readonly name = 'DaysOfFacts1790000000020';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(DIGEST_OF);
    await runner.query(`lock table ${DIVIDED.map((name) => `teststrip.${name}`).join(', ')} in share mode`);
    await runner.query(SHARED_DOCUMENTS);
    for (const table of TABLES) await divide(runner, table);
    await dropView(runner, 'pictures');
    await runner.query(`drop table ${DIVIDED.map((name) => `teststrip.${name}`).join(', ')}`);
    for (const { name, indexes } of TABLES) {
      await runner.query(`alter table teststrip.${name}_new rename to ${name}`);
      await runner.query(`alter table teststrip.${name} rename constraint ${name}_new_pkey to ${name}_pkey`);
      for (const index of Object.keys(indexes))
        await runner.query(`alter index teststrip.${index}_new rename to ${index}`);
    }
    await createView(runner, 'pictures', PICTURES);
  }

  /** Ids of events, and where a scored picture lies, are not known any more: digests and the generation's say it. */
  async down(runner: QueryRunner): Promise<void> {
    await dropView(runner, 'pictures');
    for (const { name, before } of TABLES_OF_BEFORE) {
      await runner.query(`alter table teststrip.${name} rename to ${name}_of_days`);
      await runner.query(
        `alter table teststrip.${name}_of_days rename constraint ${name}_pkey to ${name}_of_days_pkey`,
      );
      await runner.query(before);
    }
    await runner.query(COPY_BACK);
    await runner.query(`drop table teststrip.requests_of_days, teststrip.generations_of_days, teststrip.image_scores_of_days,
      teststrip.feedback_of_days, teststrip.image_embeddings, teststrip.shared_documents, teststrip.fact_horizons`);
    await runner.query(INDEXES_OF_BEFORE);
    await createView(runner, 'pictures', PICTURES_OF_BEFORE);
  }
}

interface DividedTable {
  readonly name: string;
  readonly columns: string;
  /** Says the day. */
  readonly at: string;
  readonly from: string;
  /** Written out, for whoever looks for what writes a table. */
  readonly into: string;
  /** What the rows of before say, column by column. */
  readonly copied: string;
  readonly where?: string;
  /** By name, of what. */
  readonly indexes: Readonly<Record<string, string>>;
}

const DIVIDED = ['requests', 'generations', 'image_scores', 'feedback'];

/** Indexes are built when the rows are there, under names that are free until the tables of before are gone. */
async function divide(runner: QueryRunner, table: DividedTable): Promise<void> {
  const { name, columns, at, from, into, copied, where = 'true', indexes } = table;
  await runner.query(`create table teststrip.${name}_new (${columns}) partition by range (${at})`);
  const days = (await runner.query(`
    select to_char(day, 'YYYYMMDD') as digits, day::text as first, (day + 1)::text as next from (
      select distinct (${at} at time zone 'utc')::date as day from teststrip.${from} where ${where}
      union
      select (statement_timestamp() at time zone 'utc')::date + ahead from generate_series(0, 3) as ahead) as days`)) as Day[];
  for (const { digits, first, next } of days) {
    await runner.query(`create table teststrip.${name}_${digits} partition of teststrip.${name}_new
      for values from ('${first} 00:00:00+00') to ('${next} 00:00:00+00')`);
  }
  await runner.query(`${into} ${copied} from teststrip.${from} where ${where}`);
  await runner.query(
    `alter table teststrip.${name}_new add constraint ${name}_new_pkey primary key (event_digest, ${at})`,
  );
  for (const [index, of] of Object.entries(indexes))
    await runner.query(`create index ${index}_new on teststrip.${name}_new ${of}`);
}

interface Day {
  readonly digits: string;
  readonly first: string;
  readonly next: string;
}

/** Gone with the connection that migrates. The recorder reckons the same. */
const DIGEST_OF = `
create function pg_temp.digest_of(told text) returns bigint language sql immutable strict
  as $$ select ('x' || encode(substr(sha256(convert_to(told, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint $$`;

/** The assignment without what differs from request to request. */
const SHARED_ASSIGNMENT = `(nullif(assignment, 'null') - 'unit' - 'assignedAt' - 'pair')`;

const SHARED_DOCUMENTS = `
create table teststrip.shared_documents (
  digest   bigint not null primary key,
  document jsonb  not null,
  last_day date   not null
);

create table teststrip.fact_horizons (
  fact_table text not null primary key,
  kept_from  date not null
);

insert into teststrip.shared_documents
select pg_temp.digest_of(document::text), document, max((at at time zone 'utc')::date) from (
  select ${SHARED_ASSIGNMENT} as document, started_at as at from teststrip.requests where jsonb_typeof(assignment) = 'object'
  union all
  select config, completed_at from teststrip.generations
  union all
  select identity, scored_at from teststrip.image_scores) as told
 group by document;
`;

/** Of every table; the key's second half first, as it needs less room before the texts. */
const ASSIGNED = `
  event_digest bigint not null,
  experiment   text,
  revision     integer,
  variant      text,
  unit         text`;
const ASSIGNED_OF_BEFORE = 'select pg_temp.digest_of(event_id), experiment, revision, variant, unit';

const TABLES: readonly DividedTable[] = [
  {
    name: 'requests',
    columns: `${ASSIGNED},
      started_at        timestamptz not null,
      assignment_digest bigint,
      assigned_at       timestamptz,
      epoch             integer,
      status            integer,
      duration_ms       real,
      waited_ms         real,
      request_id        text        not null,
      service           text        not null,
      slot              text,
      upstream          text        not null,
      outcome           text        not null,
      pair              jsonb`,
    at: 'started_at',
    from: 'requests',
    into: 'insert into teststrip.requests_new',
    copied: `${ASSIGNED_OF_BEFORE}, started_at, pg_temp.digest_of(${SHARED_ASSIGNMENT}::text), (assignment ->> 'assignedAt')::timestamptz,
      (assignment ->> 'epoch')::integer, status, duration_ms, null, request_id, service, slot, upstream, outcome, assignment -> 'pair'`,
    indexes: { requests_request_id: 'using hash (request_id)' },
  },
  {
    name: 'generations',
    columns: `${ASSIGNED},
      completed_at     timestamptz not null,
      config_digest    bigint      not null,
      queue_ms         real,
      inference_ms     real,
      total_ms         real,
      gpu_seconds      real,
      gpu_utilisation  real,
      memory_mib       real,
      cost             real,
      shadow           boolean     not null,
      generation_id    text        not null,
      request_id       text        not null,
      service          text        not null,
      fingerprint      text,
      prompt           text,
      rewritten_prompt text,
      negative_prompt  text,
      mode             text,
      seed             numeric(20),
      outcome          text        not null,
      error            text,
      reference        jsonb,
      images           jsonb       not null`,
    at: 'completed_at',
    from: 'generations',
    into: 'insert into teststrip.generations_new',
    copied: `${ASSIGNED_OF_BEFORE}, completed_at, pg_temp.digest_of(config::text), queue_ms, inference_ms, total_ms, gpu_seconds,
      gpu_utilisation, memory_mib, cost, shadow, generation_id, request_id, service, fingerprint, prompt, null, null, null, seed,
      outcome, error, null, images`,
    indexes: {
      generations_generation_id: 'using hash (generation_id)',
      generations_latest: '(experiment, revision, variant, completed_at)',
    },
  },
  {
    name: 'image_scores',
    columns: `${ASSIGNED},
      scored_at           timestamptz not null,
      identity_digest     bigint      not null,
      alignment           real,
      separation          real,
      unknown_token_share real,
      seen_share          real,
      image_index         integer     not null,
      prompt_windows      integer,
      prompt_class        smallint,
      blank               boolean     not null,
      prompt_truncated    boolean     not null,
      generation_id       text        not null,
      outcome             text        not null,
      reason              text,
      blank_kind          text,
      scored_prompt       text,
      quality             jsonb       not null,
      decoding            jsonb`,
    at: 'scored_at',
    from: 'image_scores',
    into: 'insert into teststrip.image_scores_new',
    copied: `${ASSIGNED_OF_BEFORE}, scored_at, pg_temp.digest_of(identity::text), alignment, null, null, null, image_index, null, null,
      blank, prompt_truncated, generation_id, outcome, reason, null, null, quality, null`,
    indexes: { image_scores_generation: 'using hash (generation_id)' },
  },
  {
    name: 'image_embeddings',
    columns: `
      event_digest bigint      not null,
      scored_at    timestamptz not null,
      embedding    bytea       not null`,
    at: 'scored_at',
    from: 'image_scores',
    into: 'insert into teststrip.image_embeddings_new',
    copied: 'select pg_temp.digest_of(event_id), scored_at, embedding',
    where: 'embedding is not null',
    indexes: {},
  },
  {
    name: 'feedback',
    columns: `${ASSIGNED},
      given_at      timestamptz not null,
      rating        real,
      request_id    text        not null,
      generation_id text,
      service       text        not null,
      kind          text        not null`,
    at: 'given_at',
    from: 'feedback',
    into: 'insert into teststrip.feedback_new',
    copied: `${ASSIGNED_OF_BEFORE}, given_at, rating, request_id, generation_id, service, kind`,
    indexes: {},
  },
];

function pictures(known: string, younger: string): string {
  return `
select made.experiment, made.revision, made.variant, made.generation_id, (image.position - 1)::integer as image_index,
       made.request_id, made.prompt, made.seed, (image.value ->> 'width')::integer as width,
       (image.value ->> 'height')::integer as height, image.value ->> 'sha256' as sha256, made.completed_at,
       case when score.${known} is not null then json_build_object('outcome', score.outcome, 'reason', score.reason,
         'alignment', score.alignment, 'quality', score.quality, 'blank', score.blank) end as score
  from teststrip.generations as made
 cross join jsonb_array_elements(made.images) with ordinality as image (value, position)
  left join lateral (
    select * from teststrip.image_scores
     where generation_id = made.generation_id and image_index = image.position - 1${younger}
     order by scored_at desc
     limit 1) as score on true
 where not made.shadow and made.outcome in ('delivered', 'cached', 'succeeded')`;
}
const PICTURES = pictures('event_digest', `\n       and scored_at >= made.completed_at - interval '1 day'`);
const PICTURES_OF_BEFORE = pictures('event_id', '');

/** The tables as the migrations before left them. */
const TABLES_OF_BEFORE = [
  {
    name: 'requests',
    before: `create table teststrip.requests (event_id text not null primary key, request_id text not null, service text not null,
      experiment text, revision integer, variant text, unit text, assignment jsonb, upstream text not null, outcome text not null,
      status integer, started_at timestamptz not null, duration_ms double precision, slot text)`,
  },
  {
    name: 'generations',
    before: `create table teststrip.generations (event_id text not null primary key, generation_id text not null, request_id text not null,
      service text not null, experiment text, revision integer, variant text, unit text, fingerprint text, config jsonb not null,
      prompt text, seed numeric(20), outcome text not null, error text, queue_ms double precision, inference_ms double precision,
      total_ms double precision, gpu_seconds double precision, gpu_utilisation double precision, memory_mib double precision,
      cost double precision, images jsonb not null, shadow boolean not null, completed_at timestamptz not null)`,
  },
  {
    name: 'image_scores',
    before: `create table teststrip.image_scores (event_id text not null primary key, generation_id text not null, image_index integer not null,
      request_id text not null, service text not null, experiment text, revision integer, variant text, unit text,
      image_uri text not null, image_sha256 text, outcome text not null, reason text, alignment double precision, quality jsonb not null,
      blank boolean not null, embedding bytea, prompt_truncated boolean not null, identity jsonb not null, scored_at timestamptz not null)`,
  },
  {
    name: 'feedback',
    before: `create table teststrip.feedback (event_id text not null primary key, request_id text not null, generation_id text,
      service text not null, experiment text, revision integer, variant text, unit text, kind text not null, rating double precision,
      given_at timestamptz not null)`,
  },
];

const COPY_BACK = `
insert into teststrip.requests
select event_digest::text || to_char(started_at, ' YYYY-MM-DD HH24:MI:SS.US'), request_id, service, experiment, revision, variant, unit,
       document || jsonb_strip_nulls(jsonb_build_object('unit', unit, 'assignedAt', assigned_at, 'pair', pair)),
       upstream, outcome, status, started_at, duration_ms, slot
  from teststrip.requests_of_days left join teststrip.shared_documents on digest = assignment_digest;

insert into teststrip.generations
select event_digest::text || to_char(completed_at, ' YYYY-MM-DD HH24:MI:SS.US'), generation_id, request_id, service, experiment, revision,
       variant, unit, fingerprint, coalesce(document, '{}'), prompt, seed, outcome, error, queue_ms, inference_ms, total_ms, gpu_seconds,
       gpu_utilisation, memory_mib, cost, images, shadow, completed_at
  from teststrip.generations_of_days left join teststrip.shared_documents on digest = config_digest;

insert into teststrip.image_scores
select score.event_digest::text || to_char(scored_at, ' YYYY-MM-DD HH24:MI:SS.US'), score.generation_id, image_index, made.request_id,
       made.service, score.experiment, score.revision, score.variant, score.unit, coalesce(made.images -> image_index ->> 'uri', ''),
       made.images -> image_index ->> 'sha256', score.outcome, reason, alignment, quality, blank, embedding, prompt_truncated,
       coalesce(document, '{}'), scored_at
  from teststrip.image_scores_of_days as score
  left join teststrip.image_embeddings using (scored_at, event_digest)
  left join teststrip.shared_documents on digest = identity_digest
  join lateral (select * from teststrip.generations_of_days where generation_id = score.generation_id limit 1) as made on true;

insert into teststrip.feedback
select event_digest::text || to_char(given_at, ' YYYY-MM-DD HH24:MI:SS.US'), request_id, generation_id, service, experiment, revision,
       variant, unit, kind, rating, given_at
  from teststrip.feedback_of_days;
`;

const INDEXES_OF_BEFORE = `
create index requests_request_id on teststrip.requests (request_id);
create index requests_started_at on teststrip.requests using brin (started_at);
create index generations_generation_id on teststrip.generations (generation_id);
create index generations_latest on teststrip.generations (experiment, revision, variant, completed_at);
create index generations_completed_at on teststrip.generations using brin (completed_at);
create index image_scores_generation on teststrip.image_scores (generation_id, image_index);
create index image_scores_latest on teststrip.image_scores (experiment, revision, variant, scored_at);
create index image_scores_scored_at on teststrip.image_scores using brin (scored_at);
create index feedback_latest on teststrip.feedback (experiment, revision, variant, given_at);
create index feedback_given_at on teststrip.feedback using brin (given_at);
`;
