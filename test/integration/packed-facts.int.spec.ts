import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examples, type TeststripEvent } from '#libs/contracts';
import { migrate } from '#libs/persistence';
import { createFactStore } from '#libs/persistence/recorder';
import { createFactReader } from '#libs/persistence/reports';
import { createDataSource } from '#libs/persistence/schema';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { recordEvents } from './record-events.js';

/** Events, and the tables that the version before the packed ones made of them, as JSON by table. */
interface Before {
  readonly events: readonly TeststripEvent[];
  readonly tables: Readonly<Record<string, string>>;
}
const BEFORE = new URL('fixtures/facts-of-1790000000024.json', import.meta.url);
const LAST_OF_BEFORE = 'SharedParts1790000000024';
const PACKED = 'PackedFacts1790000000092';
const DAYS = ['2026-11-20', '2026-11-21', '2026-11-22'];

describe('facts of the version before they were packed', () => {
  let before: Before;
  let database: TestDatabase;
  let told: unknown;
  beforeAll(async () => {
    before = JSON.parse(await readFile(BEFORE, 'utf8')) as Before;
    database = await withDatabase();
    await database.query('create schema teststrip');
    await migrateToBefore(database);
    await fill(database, before);
    told = await rowsOf(database, OF_BEFORE);
    expect(await migrate(database)).toContain(PACKED);
  });
  afterAll(() => database.close());

  it('say the same in the views, to the last digit', async () => {
    expect(await rowsOf(database, OF_VIEWS)).toEqual(told);
  });

  it('have the digests that their events have, so that those are absorbed when they come again', async () => {
    const rows = await counts(database);
    expect(rows).toEqual({ requests: 4, generations: 4, scores: 3, embeddings: 2, feedback: 2 });
    await recordEvents(database, createFactStore(database), before.events);
    expect(await counts(database)).toEqual(rows);
  });

  it('are what the events make when they are recorded anew', async () => {
    const anew = await withDatabase();
    await migrate(anew);
    await recordEvents(anew, createFactStore(anew), before.events);
    expect(await rowsOf(anew, OF_VIEWS)).toEqual(told);
    expect(await rowsOf(anew, KEYS)).toEqual(await rowsOf(database, KEYS));
    expect(await counts(anew)).toEqual(await counts(database));
    await anew.close();
  });

  it('are found by ids of every form, and by psql as the page on storage says it', async () => {
    const reader = createFactReader(database);
    for (const { type, data } of before.events) {
      if (type === 'request.routed.v1')
        expect(await reader.request(data.requestId)).toMatchObject({ requestId: data.requestId });
      if (type === 'generation.completed.v1') {
        const { service, generationId, images } = data;
        expect(await reader.servicesOfGeneration(generationId)).toEqual([data.service]);
        for (const [imageIndex, image] of images.entries())
          expect(await reader.picture({ service, generationId, imageIndex })).toEqual(image);
        const found = await database.query(
          `select 1 from teststrip.generations
            where generation_id = $1 and event_digest between teststrip.first_about($1) and teststrip.last_about($1)`,
          [generationId],
        );
        expect(found).toHaveLength(1);
      }
    }
    const page = await readFile('docs/storage.md', 'utf8');
    const example = /```sql\n(select made\.completed_at[^`]*)```/.exec(page)![1]!;
    const old = example.replaceAll('now()', `timestamptz '2026-11-20T11:00:00Z'`);
    const found = await database.query<{ prompt: string }>(old);
    expect(found.map(({ prompt }) => prompt)).toContainEqual(expect.stringContaining('red circle'));
    expect(found).toHaveLength(3);
  });

  it('go back to the tables of before', async () => {
    const source = await openSource(database);
    while ((await database.query(`select 1 from teststrip.migrations where name = '${PACKED}'`)).length > 0)
      await source.undoLastMigration({ transaction: 'each' });
    await source.destroy();
    expect(await rowsOf(database, OF_BEFORE)).toEqual(told);
    expect(await migrate(database)).toContain(PACKED);
    expect(await rowsOf(database, OF_VIEWS)).toEqual(told);
  });
});

describe('addresses of pictures', () => {
  it('that many units have in common are said once, a unit’s own in its rows alone, and all are read as they were told', async () => {
    const database = await withDatabase();
    await migrate(database);
    const made = examples.find(
      ({ type }) => type === 'generation.completed.v1',
    ) as TeststripEvent<'generation.completed.v1'>;
    const of = (number: number, unit: string, folder: string): typeof made => {
      const generationId = `${folder}-${number}`;
      const image = { ...made.data.images[0]!, uri: `s3://pictures/${folder}/${generationId}.png` };
      const assignment = { ...made.data.assignment!, unit };
      const data = { ...made.data, generationId, assignment, images: [image], negativePrompt: `no ${folder}` };
      return { ...made, id: generationId, data };
    };
    const numbers = Array.from({ length: 120 }, (_, index) => index);
    const events = [
      ...numbers.map((number) => of(number, `unit-${number}`, 'all')),
      ...numbers.map((number) => of(number, 'anna', 'anna')),
    ];
    await recordEvents(database, createFactStore(database), events);
    const rows = await database.query<{ id: string; images: unknown; negative_prompt: string; own: boolean }>(
      `select view.generation_id as id, view.images, view.negative_prompt, image_uris is not null and fact.negative_prompt is not null as own
         from teststrip.generations as view join teststrip.generation_facts as fact using (event_digest, completed_at)`,
    );
    const told = new Map(events.map(({ data }) => [data.generationId, [data.images, data.negativePrompt]]));
    expect(rows).toHaveLength(240);
    for (const { id, images, negative_prompt } of rows) expect([images, negative_prompt]).toEqual(told.get(id));
    const own = rows.filter((row) => row.own).map(({ id }) => id.split('-')[0]);
    expect([own.filter((folder) => folder === 'anna').length, own.filter((folder) => folder === 'all').length]).toEqual(
      [120, 51],
    );
    const said = await database.query(`select 1 from teststrip.shared_documents where document::text like '%anna%'`);
    expect(said).toEqual([]);
    await database.close();
  }, 120_000);
});

type Statements = Readonly<Record<string, string>>;

/** What rows tell, without the numbers by which they are found. */
const OF_BEFORE: Statements = {
  requests: `select to_jsonb(t) - 'event_digest' - 'assignment_digest' || jsonb_build_object('assignment', document) as row
    from teststrip.requests as t left join teststrip.shared_documents on digest = assignment_digest`,
  generations: `select to_jsonb(t) - 'event_digest' - 'config_digest' || jsonb_build_object('config', document) as row
    from teststrip.generations as t left join teststrip.shared_documents on digest = config_digest`,
  image_scores: `select to_jsonb(t) - 'event_digest' - 'identity_digest'
      || jsonb_build_object('identity', document, 'embedding', embedding) as row
    from teststrip.image_scores as t left join teststrip.shared_documents on digest = identity_digest
    left join teststrip.image_embeddings using (scored_at, event_digest)`,
  feedback: `select to_jsonb(t) - 'event_digest' as row from teststrip.feedback as t`,
};
const OF_VIEWS: Statements = {
  ...OF_BEFORE,
  requests: `select to_jsonb(t) - 'event_digest' - 'context' as row from teststrip.requests as t`,
  generations: `select to_jsonb(t) - 'event_digest' - 'context' - 'arm' as row from teststrip.generations as t`,
  image_scores: `select to_jsonb(t) - 'event_digest' - 'context' - 'service' || jsonb_build_object('embedding', embedding) as row
    from teststrip.image_scores as t left join teststrip.image_embeddings using (scored_at, event_digest)`,
};
const KEYS: Statements = {
  requests: `select event_digest::text as row from teststrip.request_facts`,
  generations: `select jsonb_build_array(event_digest::text, arm::text, image_marks, images) as row from teststrip.generation_facts`,
  image_scores: `select event_digest::text as row from teststrip.score_facts`,
  embeddings: `select event_digest::text as row from teststrip.image_embeddings`,
  feedback: `select event_digest::text as row from teststrip.feedback`,
};

async function rowsOf(database: TestDatabase, statements: Statements): Promise<unknown> {
  const told: Record<string, readonly unknown[]> = {};
  for (const [name, sql] of Object.entries(statements)) {
    const rows = await database.query<{ row: unknown }>(`select * from (${sql}) as told order by row::text`);
    told[name] = rows.map(({ row }) => row);
  }
  return told;
}

async function counts(database: TestDatabase): Promise<unknown> {
  const [row] = await database.query(
    `select (select count(*)::integer from teststrip.requests) as requests, (select count(*)::integer from teststrip.generations) as generations,
            (select count(*)::integer from teststrip.image_scores) as scores,
            (select count(*)::integer from teststrip.image_embeddings) as embeddings,
            (select count(*)::integer from teststrip.feedback) as feedback`,
  );
  return row;
}

async function migrateToBefore(database: TestDatabase): Promise<void> {
  const source = await openSource(database);
  const known = source.migrations.findIndex(({ name }) => name === LAST_OF_BEFORE);
  Object.assign(source, { migrations: source.migrations.slice(0, known + 1) });
  await source.runMigrations({ transaction: 'each' });
  await source.destroy();
}

async function fill(database: TestDatabase, { tables }: Before): Promise<void> {
  for (const [table, rows] of Object.entries(tables)) {
    if (table !== 'shared_documents' && table !== 'fact_horizons')
      for (const [index, day] of DAYS.slice(0, -1).entries())
        await database.query(
          `create table if not exists teststrip.${table}_${day.replaceAll('-', '')} partition of teststrip.${table}
             for values from ('${day} 00:00:00+00') to ('${DAYS[index + 1]} 00:00:00+00')`,
        );
    await database.query(
      `insert into teststrip.${table} select * from json_populate_recordset(null::teststrip.${table}, $1::json)`,
      [rows],
    );
  }
}

function openSource(database: TestDatabase): ReturnType<ReturnType<typeof createDataSource>['initialize']> {
  return createDataSource({
    url: database.url,
    connections: 1,
    access: 'read-write',
    applicationName: 'teststrip tests',
  }).initialize();
}
