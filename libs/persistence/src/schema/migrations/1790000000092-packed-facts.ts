import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createView, dropView } from './create-view.js';

/**
 * Requests, generations and scores are kept packed: what many say alike is a document that a row names, ids are bytes, and an event's digest begins with what the event is about, so that
 * an id needs no index of its own. Views have the columns of before. Rows are copied, as for the days: reads go on meanwhile, a recorder of the version before waits, and can't
 * write afterwards.
 */
export class PackedFacts1790000000092 implements MigrationInterface {
  readonly name = 'PackedFacts1790000000092';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(FUNCTIONS);
    await runner.query(DIGEST_OF);
    await runner.query(
      'lock table teststrip.requests, teststrip.generations, teststrip.image_scores, teststrip.image_embeddings, teststrip.feedback in share mode',
    );
    for (const { table, columns, at, from, documents, copy } of PACKED) {
      await keepDocuments(runner, documents);
      await divide(runner, { table, columns, at, from });
      await runner.query(copy);
      await runner.query(
        `alter table teststrip.${table} add constraint ${table}_pkey primary key (event_digest, ${at})`,
      );
      await runner.query(`update teststrip.fact_horizons set fact_table = '${table}' where fact_table = '${from}'`);
    }
    await runner.query('create index generation_facts_latest on teststrip.generation_facts (arm, completed_at)');
    await runner.query(REDIGEST);
    await dropView(runner, 'pictures');
    await runner.query('drop table teststrip.requests, teststrip.generations, teststrip.image_scores');
    await createView(runner, 'requests', REQUESTS);
    await createView(runner, 'generations', GENERATIONS);
    await createView(runner, 'image_scores', IMAGE_SCORES);
    await createView(runner, 'pictures', PICTURES);
  }

  /** Digests stay what they are: an event of before that comes again is not known any more. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DIGEST_OF);
    for (const { table, columns, at, from, documents, copy } of UNPACKED) {
      await keepDocuments(runner, documents);
      await divide(runner, { table, columns, at, from });
      await runner.query(copy);
    }
    for (const view of ['pictures', 'requests', 'generations', 'image_scores']) await dropView(runner, view);
    await runner.query('drop table teststrip.request_facts, teststrip.generation_facts, teststrip.score_facts');
    for (const { table, name, at, indexes } of UNPACKED) {
      await runner.query(`alter table teststrip.${table} rename to ${name}`);
      for (const day of await daysOf(runner, name))
        await runner.query(`alter table teststrip.${table}_${day} rename to ${name}_${day}`);
      await runner.query(`alter table teststrip.${name} add constraint ${name}_pkey primary key (event_digest, ${at})`);
      await runner.query(indexes);
    }
    await runner.query(HORIZONS_OF_BEFORE);
    await createView(runner, 'pictures', PICTURES_OF_BEFORE);
    await runner.query(`drop function teststrip.id_of(bytea), teststrip.packed_id(text), teststrip.arm_of(text, integer, text),
      teststrip.first_about(text), teststrip.last_about(text)`);
  }
}

async function keepDocuments(runner: QueryRunner, documents: string): Promise<void> {
  await runner.query(`insert into teststrip.shared_documents as held
    select pg_temp.digest_of(document::text), document, max((at at time zone 'utc')::date) from (${documents}) as told group by document
    on conflict (digest) do update set last_day = greatest(held.last_day, excluded.last_day)`);
}

interface DividedTable {
  readonly table: string;
  readonly columns: string;
  /** Says the day. */
  readonly at: string;
  readonly from: string;
}

async function divide(runner: QueryRunner, { table, columns, at, from }: DividedTable): Promise<void> {
  await runner.query(`create table teststrip.${table} (${columns}) partition by range (${at})`);
  const days = (await runner.query(`
    select to_char(day, 'YYYYMMDD') as digits, day::text as first, (day + 1)::text as next from (
      select distinct (${at} at time zone 'utc')::date as day from teststrip.${from}
      union
      select (statement_timestamp() at time zone 'utc')::date + ahead from generate_series(0, 3) as ahead) as days`)) as Day[];
  for (const { digits, first, next } of days) {
    await runner.query(`create table teststrip.${table}_${digits} partition of teststrip.${table}
      for values from ('${first} 00:00:00+00') to ('${next} 00:00:00+00')`);
  }
}

interface Day {
  readonly digits: string;
  readonly first: string;
  readonly next: string;
}

async function daysOf(runner: QueryRunner, table: string): Promise<readonly string[]> {
  const rows = (await runner.query(
    `select right(c.relname, 8) as digits from pg_inherits join pg_class c on c.oid = inhrelid where inhparent = 'teststrip.${table}'::regclass`,
  )) as Pick<Day, 'digits'>[];
  return rows.map(({ digits }) => digits);
}

/** Not strict, and stable as what they call: Postgres writes them into the statement that has them, instead of calling them for each row. */
const FUNCTIONS = String.raw`
create function teststrip.id_of(packed bytea) returns text language sql stable parallel safe as $$
  select case
    when octet_length(packed) = 16 then encode(packed, 'hex')::uuid::text
    when octet_length(packed) = 17 and get_byte(packed, 16) = 0 then convert_from(substr(packed, 1, 16), 'UTF8')
    else convert_from(packed, 'UTF8') end $$;

create function teststrip.packed_id(id text) returns bytea language sql stable parallel safe as $$
  select case
    when id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then decode(replace(id, '-', ''), 'hex')
    when octet_length(convert_to(id, 'UTF8')) = 16 then convert_to(id, 'UTF8') || '\x00'::bytea
    else convert_to(id, 'UTF8') end $$;

create function teststrip.arm_of(experiment text, revision integer, variant text) returns bigint language sql stable parallel safe as $$
  select ('x' || encode(substr(sha256(convert_to(experiment || '/' || revision || '/' || variant, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint $$;

create function teststrip.first_about(id text) returns bigint language sql stable parallel safe as $$
  select (('x' || encode(substr(sha256(convert_to(id, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint >> 40) << 40 $$;

create function teststrip.last_about(id text) returns bigint language sql stable parallel safe as $$
  select ('x' || encode(substr(sha256(convert_to(id, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint | 1099511627775 $$;
`;

/** Gone with the connection that migrates. */
const DIGEST_OF = `
create or replace function pg_temp.digest_of(told text) returns bigint language sql immutable strict
  as $$ select ('x' || encode(substr(sha256(convert_to(told, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint $$`;

/** 24 bits of what the event is about, 40 of its own id. */
const about = (id: string): string => `teststrip.first_about(${id}) | (event_digest & 1099511627775)`;

const REDIGEST = `update teststrip.feedback set event_digest = ${about('request_id')}`;

const NO_DIGEST = `repeat('0', 64)`;
const NO_LENGTH = '281474976710655';
/** Whether pictures can be said in parts. */
const PACKABLE = `(not exists (
  select 1 from jsonb_array_elements(images)
   where value ->> 'uri' is null or value ->> 'uri' like '%' || chr(1) || '%'
      or (value ->> 'sha256' is not null and (value ->> 'sha256' !~ '^[0-9a-f]{64}$' or value ->> 'sha256' = ${NO_DIGEST}))
      or (value ->> 'bytes' is not null and (value ->> 'bytes' !~ '^[0-9]{1,14}$'))))`;

const REQUEST_CONTEXT = `jsonb_strip_nulls(jsonb_build_object('service', service, 'assignment', document, 'slot', slot, 'upstream', upstream,
  'outcome', outcome, 'status', status))`;
const GENERATION_CONTEXT = `jsonb_strip_nulls(jsonb_build_object('experiment', experiment, 'revision', revision, 'variant', variant,
    'service', service, 'fingerprint', fingerprint, 'mode', mode, 'outcome', outcome))
  || jsonb_build_object('config', document, 'images', case when ${PACKABLE}
       then (select coalesce(jsonb_agg(value - 'uri' - 'sha256' - 'bytes' order by position), '[]')
               from jsonb_array_elements(images) with ordinality as image (value, position))
       else '[]' end)`;
const SCORE_CONTEXT = `jsonb_strip_nulls(jsonb_build_object('experiment', experiment, 'revision', revision, 'variant', variant, 'outcome', outcome,
    'blank', blank, 'blankKind', blank_kind, 'promptTruncated', prompt_truncated, 'promptWindows', prompt_windows,
    'promptClass', prompt_class, 'decoding', decoding))
  || jsonb_build_object('identity', document)`;

const PACKED = [
  {
    table: 'request_facts',
    columns: `
      event_digest bigint      not null,
      started_at   timestamptz not null,
      context      bigint      not null,
      assigned_at  timestamptz,
      duration_ms  real,
      waited_ms    real,
      request_id   bytea       not null,
      unit         text,
      pair         jsonb`,
    at: 'started_at',
    from: 'requests',
    documents: `select ${REQUEST_CONTEXT} as document, started_at as at
      from teststrip.requests left join teststrip.shared_documents on digest = assignment_digest`,
    copy: `insert into teststrip.request_facts
      select ${about('request_id')}, started_at, pg_temp.digest_of(${REQUEST_CONTEXT}::text), assigned_at, duration_ms, waited_ms,
             teststrip.packed_id(request_id), unit, pair
        from teststrip.requests left join teststrip.shared_documents on digest = assignment_digest`,
  },
  {
    table: 'generation_facts',
    columns: `
      event_digest     bigint      not null,
      completed_at     timestamptz not null,
      arm              bigint,
      context          bigint      not null,
      queue_ms         real,
      inference_ms     real,
      total_ms         real,
      gpu_seconds      real,
      gpu_utilisation  real,
      memory_mib       real,
      cost             real,
      shadow           boolean     not null,
      generation_id    bytea       not null,
      request_id       bytea       not null,
      unit             text,
      seed             numeric(20),
      prompt           text,
      rewritten_prompt text,
      negative_prompt  text,
      error            text,
      image_uris       jsonb,
      image_marks      bytea,
      images           jsonb,
      reference        jsonb`,
    at: 'completed_at',
    from: 'generations',
    documents: `select ${GENERATION_CONTEXT} as document, completed_at as at
      from teststrip.generations left join teststrip.shared_documents on digest = config_digest`,
    copy: `insert into teststrip.generation_facts
      select ${about('generation_id')}, completed_at, teststrip.arm_of(experiment, revision, variant), pg_temp.digest_of((${GENERATION_CONTEXT})::text),
             queue_ms, inference_ms, total_ms, gpu_seconds, gpu_utilisation, memory_mib, cost, shadow, teststrip.packed_id(generation_id),
             teststrip.packed_id(request_id), unit, seed, prompt, rewritten_prompt, negative_prompt, error,
             case when ${PACKABLE} then (
               select jsonb_agg(replace(value ->> 'uri', generation_id, chr(1)) order by position)
                 from jsonb_array_elements(images) with ordinality as image (value, position)) end,
             case when ${PACKABLE} then (
               select string_agg(decode(coalesce(value ->> 'sha256', ${NO_DIGEST})
                        || lpad(to_hex(coalesce((value ->> 'bytes')::bigint, ${NO_LENGTH})), 12, '0'), 'hex'), '' order by position)
                 from jsonb_array_elements(images) with ordinality as image (value, position)) end,
             case when not ${PACKABLE} then images end, reference
        from teststrip.generations left join teststrip.shared_documents on digest = config_digest`,
  },
  {
    table: 'score_facts',
    columns: `
      event_digest        bigint      not null,
      scored_at           timestamptz not null,
      context             bigint      not null,
      alignment           real,
      separation          real,
      unknown_token_share real,
      seen_share          real,
      image_index         integer     not null,
      generation_id       bytea       not null,
      unit                text,
      reason              text,
      scored_prompt       text,
      quality             jsonb       not null`,
    at: 'scored_at',
    from: 'image_scores',
    documents: `select ${SCORE_CONTEXT} as document, scored_at as at
      from teststrip.image_scores left join teststrip.shared_documents on digest = identity_digest`,
    copy: `with copied as (
        insert into teststrip.score_facts
        select ${about('generation_id')}, scored_at, pg_temp.digest_of((${SCORE_CONTEXT})::text), alignment, separation, unknown_token_share,
               seen_share, image_index, teststrip.packed_id(generation_id), unit, reason, scored_prompt, quality
          from teststrip.image_scores left join teststrip.shared_documents on digest = identity_digest)
      update teststrip.image_embeddings as held set event_digest = teststrip.first_about(generation_id) | (held.event_digest & 1099511627775)
        from teststrip.image_scores as score
       where (held.scored_at, held.event_digest) = (score.scored_at, score.event_digest)`,
  },
] as const;

const REQUESTS = `
select fact.event_digest, teststrip.id_of(fact.request_id) as request_id, context.document ->> 'service' as service,
       context.document -> 'assignment' ->> 'experiment' as experiment,
       (context.document -> 'assignment' ->> 'revision')::integer as revision,
       context.document -> 'assignment' ->> 'variant' as variant, fact.unit,
       (context.document -> 'assignment' ->> 'epoch')::integer as epoch,
       nullif(context.document -> 'assignment', 'null') as assignment, fact.assigned_at, fact.pair,
       context.document ->> 'slot' as slot, context.document ->> 'upstream' as upstream,
       context.document ->> 'outcome' as outcome, (context.document ->> 'status')::integer as status, fact.started_at,
       fact.duration_ms, fact.waited_ms, fact.context
  from teststrip.request_facts as fact
  left join teststrip.shared_documents as context on context.digest = fact.context`;

const GENERATIONS = `
select made.event_digest, made.arm, teststrip.id_of(made.generation_id) as generation_id,
       teststrip.id_of(made.request_id) as request_id, context.document ->> 'service' as service,
       context.document ->> 'experiment' as experiment, (context.document ->> 'revision')::integer as revision,
       context.document ->> 'variant' as variant, made.unit, context.document ->> 'fingerprint' as fingerprint,
       context.document -> 'config' as config, made.prompt, made.rewritten_prompt,
       coalesce(made.negative_prompt, context.document ->> 'negativePrompt') as negative_prompt,
       context.document ->> 'mode' as mode, made.reference, made.seed, context.document ->> 'outcome' as outcome, made.error,
       made.queue_ms, made.inference_ms, made.total_ms, made.gpu_seconds, made.gpu_utilisation, made.memory_mib, made.cost,
       coalesce(
         made.images,
         (select jsonb_agg(
            image.value || jsonb_build_object(
              'uri', replace(coalesce(made.image_uris ->> (image.position - 1)::integer, image.value ->> 'uri'), chr(1),
                teststrip.id_of(made.generation_id)),
              'sha256', nullif(encode(substr(made.image_marks, (image.position - 1)::integer * 38 + 1, 32), 'hex'), repeat('0', 64)),
              'bytes', nullif(
                ('x' || encode(substr(made.image_marks, (image.position - 1)::integer * 38 + 33, 6), 'hex'))::bit(48)::bigint,
                281474976710655))
            order by image.position)
           from jsonb_array_elements(context.document -> 'images') with ordinality as image (value, position)),
         '[]') as images,
       made.shadow, made.completed_at, made.context
  from teststrip.generation_facts as made
  left join teststrip.shared_documents as context on context.digest = made.context`;

export const IMAGE_SCORES = `
select score.event_digest, teststrip.id_of(score.generation_id) as generation_id, score.image_index,
       context.document ->> 'experiment' as experiment, (context.document ->> 'revision')::integer as revision,
       context.document ->> 'variant' as variant, score.unit, context.document ->> 'outcome' as outcome, score.reason,
       score.alignment, score.separation, score.quality, (context.document ->> 'blank')::boolean as blank,
       context.document ->> 'blankKind' as blank_kind, score.scored_prompt,
       (context.document ->> 'promptTruncated')::boolean as prompt_truncated,
       (context.document ->> 'promptWindows')::integer as prompt_windows, score.unknown_token_share,
       (context.document ->> 'promptClass')::integer as prompt_class, score.seen_share,
       nullif(context.document -> 'decoding', 'null') as decoding, context.document -> 'identity' as identity, score.scored_at,
       score.context
  from teststrip.score_facts as score
  left join teststrip.shared_documents as context on context.digest = score.context`;

export const PICTURES = `
select made.experiment, made.revision, made.variant, made.arm, made.event_digest, made.generation_id,
       (image.position - 1)::integer as image_index, made.request_id, made.prompt, made.seed, (image.value ->> 'width')::integer as width,
       (image.value ->> 'height')::integer as height, image.value ->> 'sha256' as sha256, made.completed_at,
       case when score.event_digest is not null then json_build_object('outcome', score.outcome, 'reason', score.reason,
         'alignment', score.alignment, 'quality', score.quality, 'blank', score.blank) end as score
  from teststrip.generations as made
 cross join jsonb_array_elements(made.images) with ordinality as image (value, position)
  left join lateral (
    select * from teststrip.image_scores
     where event_digest between (made.event_digest >> 40) << 40 and made.event_digest | 1099511627775
       and generation_id = made.generation_id and image_index = image.position - 1
       and scored_at >= made.completed_at - interval '1 day'
     order by scored_at desc
     limit 1) as score on true
 where not made.shadow and made.outcome in ('delivered', 'cached', 'succeeded')`;

const HORIZONS_OF_BEFORE = `
update teststrip.fact_horizons set fact_table = case fact_table when 'request_facts' then 'requests' when 'generation_facts' then 'generations'
  when 'score_facts' then 'image_scores' else fact_table end`;

const ASSIGNED_OF_BEFORE = `
  event_digest bigint not null,
  experiment   text,
  revision     integer,
  variant      text,
  unit         text`;

/** The tables as the migrations before left them. */
const UNPACKED = [
  {
    table: 'requests_of_before',
    name: 'requests',
    columns: `${ASSIGNED_OF_BEFORE},
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
    from: 'request_facts',
    documents: 'select assignment as document, started_at as at from teststrip.requests where assignment is not null',
    copy: `insert into teststrip.requests_of_before
      select event_digest, experiment, revision, variant, unit, started_at, pg_temp.digest_of(assignment::text), assigned_at, epoch, status,
             duration_ms, waited_ms, request_id, service, slot, upstream, outcome, pair
        from teststrip.requests`,
    indexes: 'create index requests_request_id on teststrip.requests using hash (request_id)',
  },
  {
    table: 'generations_of_before',
    name: 'generations',
    columns: `${ASSIGNED_OF_BEFORE},
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
    from: 'generation_facts',
    documents: 'select config as document, completed_at as at from teststrip.generations',
    copy: `insert into teststrip.generations_of_before
      select event_digest, experiment, revision, variant, unit, completed_at, pg_temp.digest_of(config::text), queue_ms, inference_ms, total_ms,
             gpu_seconds, gpu_utilisation, memory_mib, cost, shadow, generation_id, request_id, service, fingerprint, prompt, rewritten_prompt,
             negative_prompt, mode, seed, outcome, error, reference, images
        from teststrip.generations`,
    indexes: `create index generations_generation_id on teststrip.generations using hash (generation_id);
      create index generations_latest on teststrip.generations (experiment, revision, variant, completed_at)`,
  },
  {
    table: 'image_scores_of_before',
    name: 'image_scores',
    columns: `${ASSIGNED_OF_BEFORE},
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
    from: 'score_facts',
    documents: 'select identity as document, scored_at as at from teststrip.image_scores',
    copy: `insert into teststrip.image_scores_of_before
      select event_digest, experiment, revision, variant, unit, scored_at, pg_temp.digest_of(identity::text), alignment, separation,
             unknown_token_share, seen_share, image_index, prompt_windows, prompt_class, blank, prompt_truncated, generation_id, outcome, reason,
             blank_kind, scored_prompt, quality, decoding
        from teststrip.image_scores`,
    indexes: 'create index image_scores_generation on teststrip.image_scores using hash (generation_id)',
  },
] as const;

const PICTURES_OF_BEFORE = `
select made.experiment, made.revision, made.variant, made.generation_id, (image.position - 1)::integer as image_index,
       made.request_id, made.prompt, made.seed, (image.value ->> 'width')::integer as width,
       (image.value ->> 'height')::integer as height, image.value ->> 'sha256' as sha256, made.completed_at,
       case when score.event_digest is not null then json_build_object('outcome', score.outcome, 'reason', score.reason,
         'alignment', score.alignment, 'quality', score.quality, 'blank', score.blank) end as score
  from teststrip.generations as made
 cross join jsonb_array_elements(made.images) with ordinality as image (value, position)
  left join lateral (
    select * from teststrip.image_scores
     where generation_id = made.generation_id and image_index = image.position - 1
       and scored_at >= made.completed_at - interval '1 day'
     order by scored_at desc
     limit 1) as score on true
 where not made.shadow and made.outcome in ('delivered', 'cached', 'succeeded')`;
