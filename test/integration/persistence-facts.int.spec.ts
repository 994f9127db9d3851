import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeEvent, encodeEvent, examples, type DataOf, type TeststripEvent, type TopicName } from '#libs/contracts';
import { migrate } from '#libs/persistence';
import { createFactStore, type FactStore } from '#libs/persistence/recorder';
import { createFactReader, type FactReader } from '#libs/persistence/reports';
import { createDataSource } from '#libs/persistence/schema';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { recordEvents } from './record-events.js';

let database: TestDatabase;
let facts: FactStore;
let reader: FactReader;
beforeAll(async () => {
  database = await withDatabase();
  await migrate(database);
  facts = createFactStore(database);
  reader = createFactReader(database);
});
afterAll(() => database.close());

let lastId = 0;
function example<T extends TopicName>(type: T, change: Partial<DataOf<T>> = {}, time?: string): TeststripEvent<T> {
  const found = examples.find((event) => event.type === type) as TeststripEvent<T>;
  lastId += 1;
  return { ...found, id: `event-${lastId}`, time: time ?? found.time, data: { ...found.data, ...change } };
}

const routed = example('request.routed.v1');
const assignment = routed.data.assignment!;
const completed = example('generation.completed.v1').data;
const { service } = completed;

describe('facts', () => {
  it('of every kind are written once however often they come, also twice in one batch', async () => {
    await recordEvents(database, facts, examples);
    await recordEvents(database, facts, [...examples, ...examples]);
    const tables = await database.query<{ name: string; rows: number }>(
      `select relname as name, (xpath('/row/c/text()', query_to_xml('select count(*) as c from teststrip.' || relname, false, true, '')))[1]::text::integer as rows
         from pg_stat_user_tables where schemaname = 'teststrip'`,
    );
    const rows = Object.fromEntries(tables.map((table) => [table.name, table.rows]));
    for (const table of [
      'request_facts',
      'generation_facts',
      'score_facts',
      'image_embeddings',
      'feedback',
      'preferences',
      'experiment_definitions',
      'commands',
      'applied_allocations',
      'analyses',
      'controllers',
    ]) {
      expect([table, rows[table]]).toEqual([table, 1]);
    }
    const [definition] = await reader.definitions();
    const told = examples.find(({ type }) => type === 'experiment.defined.v1')!.data as DataOf<'experiment.defined.v1'>;
    expect(definition).toMatchObject({ experiment: told.experiment, revision: told.revision, spec: told.spec });
    const policy = (deadlineMs: number, definedAt: string) =>
      example('experiment.defined.v1', { spec: { ...told.spec, deadlineMs }, definedAt });
    await recordEvents(database, facts, [policy(1, '2026-11-21T10:00:00.000Z'), policy(2, '2026-11-22T10:00:00.000Z')]);
    await recordEvents(database, facts, [policy(1, '2026-11-21T10:00:00.000Z')]);
    expect((await reader.definitions()).map(({ spec }) => spec.deadlineMs)).toEqual([2]);
    const analysed = examples.find(({ type }) => type === 'experiment.analysed.v1')!
      .data as DataOf<'experiment.analysed.v1'>;
    expect(await reader.latestAnalysis(analysed.experiment, analysed.revision)).toEqual(analysed);
    expect(await reader.request(routed.data.requestId)).toMatchObject({ service: routed.data.service, assignment });
    expect(await reader.controllers()).toHaveLength(1);
  });

  it('count traffic by variant, epoch and outcome, each request once', async () => {
    const of = (experiment: string, outcome: 'delivered' | 'server-error', epoch: number): TeststripEvent =>
      example('request.routed.v1', { outcome, assignment: { ...assignment, experiment, epoch } });
    const batch = [
      of('counted', 'delivered', 1),
      of('counted', 'delivered', 1),
      of('counted', 'server-error', 1),
      of('counted', 'delivered', 2),
    ];
    const outside = example('request.routed.v1', { assignment: null });
    await Promise.all([recordEvents(database, facts, [...batch, outside]), recordEvents(database, facts, batch)]);
    const counts = await reader.traffic('counted', assignment.revision);
    expect(counts.map(({ epoch, outcome, requests }) => [epoch, outcome, requests])).toEqual([
      [1, 'delivered', 2],
      [1, 'server-error', 1],
      [2, 'delivered', 1],
    ]);
  });

  it('that another transaction has recorded meanwhile are passed over, and the others of the batch are written and counted', async () => {
    const drawn = { ...assignment, experiment: 'meanwhile' };
    const [first, second] = [
      example('request.routed.v1', { assignment: drawn }),
      example('request.routed.v1', { assignment: drawn }),
    ];
    const waiting = () =>
      database.query(
        `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%copy teststrip.request_facts%'`,
      );
    let other: Promise<void> | undefined;
    await database.transaction(async (tx) => {
      await facts.record(tx, facts.prepare([first]));
      other = recordEvents(database, facts, [second, first]);
      while ((await waiting()).length === 0) await pause(20);
    });
    await other;
    expect(await database.query(`select 1 from teststrip.requests where experiment = 'meanwhile'`)).toHaveLength(2);
    expect(await reader.traffic('meanwhile', drawn.revision)).toMatchObject([{ requests: 2 }]);
  });

  it('say once what comes again with a later time: in the batch, in the next, on the next day, after a restart, and days after its request', async () => {
    const drawn = { ...assignment, experiment: 'again', assignedAt: '2026-11-19T10:00:00.000Z' };
    const score = example('image.scored.v1', { generationId: 'again', assignment: drawn, alignment: 0.1 }, at(0));
    const later = (time: string, alignment: number): TeststripEvent => ({
      ...score,
      time,
      data: { ...score.data, alignment },
    });
    const request = example('request.routed.v1', { assignment: drawn, startedAt: '2026-11-20T23:59:59.000Z' });
    const nextDay = { ...request, data: { ...request.data, startedAt: '2026-11-21T00:00:01.000Z' } };
    const outside = example('feedback.recorded.v1', { requestId: 'again', assignment: null, givenAt: at(0) });
    await recordEvents(database, facts, [score, later(at(1), 0.2), request, nextDay, outside]);
    await recordEvents(database, facts, [later(at(2), 0.3)]);
    for (const time of ['2026-11-21T12:00:00.000Z', '2026-11-19T12:00:00.000Z', '2026-11-26T12:00:00.000Z'])
      await recordEvents(database, createFactStore(database), [
        later(time, 0.4),
        nextDay,
        { ...outside, data: { ...outside.data, givenAt: '2026-11-21T12:00:00.000Z' } },
      ]);
    const rows = await database.query(
      `select alignment, score.scored_at from teststrip.image_scores as score left join teststrip.image_embeddings using (event_digest)
        where generation_id = 'again'`,
    );
    expect(rows).toMatchObject([{ alignment: expect.closeTo(0.1), scored_at: new Date(at(0)) }]);
    expect(await database.query(`select 1 from teststrip.feedback where request_id = 'again'`)).toHaveLength(1);
    expect(await database.query(`select 1 from teststrip.requests where experiment = 'again'`)).toHaveLength(1);
    expect(await reader.traffic('again', drawn.revision)).toMatchObject([{ requests: 1 }]);
  });

  it('say once what comes again with a time that is days earlier, or without one days later', async () => {
    const drawn = { ...assignment, experiment: 'back', assignedAt: '2026-11-19T10:00:00.000Z' };
    const score = example('image.scored.v1', { generationId: 'back', assignment: drawn }, '2026-11-20T12:00:00.000Z');
    const request = example('request.routed.v1', { assignment: drawn, startedAt: '2026-11-20T12:00:00.000Z' });
    const outside = example('generation.completed.v1', { generationId: 'back', assignment: null }, at(0));
    const undated = example('generation.completed.v1', { generationId: 'undated', assignment: null }, at(0));
    const stamped = (time: string): readonly TeststripEvent[] => [
      { ...score, time },
      { ...request, data: { ...request.data, startedAt: time } },
      { ...outside, time },
    ];
    await recordEvents(database, facts, [...stamped('2026-11-20T12:00:00.000Z'), undated]);
    for (const time of ['2026-11-17T12:00:00.000Z', '2026-11-15T12:00:00.000Z', '2026-11-10T12:00:00.000Z'])
      await recordEvents(database, createFactStore(database), stamped(time));
    for (const time of ['2026-11-23T12:00:00.000Z', '2026-11-26T12:00:00.000Z'])
      await recordEvents(database, createFactStore(database), [{ ...undated, time, mended: ['no-time'] }]);
    expect(await database.query(`select 1 from teststrip.score_facts where generation_id = 'back'`)).toHaveLength(1);
    expect(await database.query(`select 1 from teststrip.requests where experiment = 'back'`)).toHaveLength(1);
    for (const id of ['back', 'undated'])
      expect(
        await database.query('select 1 from teststrip.generation_facts where generation_id = $1', [id]),
      ).toHaveLength(1);
    expect(await reader.traffic('back', drawn.revision)).toMatchObject([{ requests: 1 }]);
  });

  it('are their service’s: what another one says under the same ids keeps nothing out, is joined with nothing and shown nowhere', async () => {
    const own = { ...assignment, experiment: 'own', unit: 'own' };
    const generation = { generationId: 'twice', requestId: 'twice' };
    const made = example('generation.completed.v1', { ...generation, assignment: own }, at(1));
    const scored = example('image.scored.v1', { ...generation, imageIndex: 0, assignment: own, alignment: 0.3 }, at(2));
    const thumb = example('feedback.recorded.v1', { ...generation, assignment: own });
    const [image] = completed.images;
    const theirs = { ...own, experiment: 'theirs' };
    const forged: readonly TeststripEvent[] = [
      {
        ...made,
        data: { ...made.data, service: 'theirs', assignment: theirs, images: [{ ...image!, uri: 'file:///forged' }] },
      },
      { ...scored, data: { ...scored.data, service: 'theirs', assignment: theirs, alignment: -0.9 } },
      { ...thumb, data: { ...thumb.data, service: 'theirs', assignment: theirs } },
    ];
    const later = { ...forged[1]!, id: 'later', time: at(9) } as TeststripEvent;
    await recordEvents(database, facts, forged);
    await recordEvents(database, facts, [made, scored, thumb]);
    // All of it again, the other way round and in one batch.
    await recordEvents(database, facts, [thumb, scored, made, ...forged, made, later]);
    const counted = await database.query(
      `select (select count(*)::integer from teststrip.generations where generation_id = 'twice') as generations,
              (select count(*)::integer from teststrip.image_scores where generation_id = 'twice') as scores,
              (select count(*)::integer from teststrip.feedback where generation_id = 'twice') as thumbs`,
    );
    expect(counted).toEqual([{ generations: 2, scores: 3, thumbs: 2 }]);
    const query = { experiment: 'own', revision: own.revision, variant: own.variant } as const;
    const shown = await reader.pictures({ ...query, order: 'latest', limit: 9 });
    expect(shown.map(({ score }) => score?.alignment)).toEqual([0.3]);
    expect(await reader.embeddedPictures({ ...query, among: 9 })).toMatchObject([{ service, generationId: 'twice' }]);
    const name = { generationId: 'twice', imageIndex: 0 };
    expect(await reader.picture({ ...name, service })).toEqual(image);
    expect(await reader.picture({ ...name, service: 'theirs' })).toMatchObject({ uri: 'file:///forged' });
    expect(await reader.servicesOfGeneration('twice')).toEqual([service, 'theirs'].sort());
  });

  it('take any text that a person can type into a prompt', async () => {
    const prompt = 'a red\u0000circle \ud83d alone, an emoji \ud83d\ude00 and a backslash \\u0000';
    const event = example('generation.completed.v1', {
      generationId: 'strange',
      prompt,
      config: { ...completed.config, 'a\u0000key': ['\u0000', { '\ud83d': 1 }] },
      assignment: { ...assignment, experiment: 'strange' },
    });
    await recordEvents(database, facts, [event]);
    const [stored] = await database.query<{ config: object }>(
      `select config from teststrip.generations where generation_id = 'strange'`,
    );
    expect(stored?.config).toMatchObject({ 'a\ufffdkey': ['\ufffd', { '\ufffd': 1 }] });
    const [picture] = await reader.pictures({
      experiment: 'strange',
      revision: assignment.revision,
      variant: assignment.variant,
      order: 'latest',
      limit: 1,
    });
    expect(picture?.prompt).toBe('a red\ufffdcircle \ufffd alone, an emoji \ud83d\ude00 and a backslash \\u0000');
  });

  it('show the latest pictures, scored or not, and the worst aligned ones first', async () => {
    const drawn = { ...assignment, experiment: 'pictures' };
    const alignments = [0.31, 0.12, null, 0.28];
    await recordEvents(
      database,
      facts,
      alignments.flatMap((alignment, index): TeststripEvent[] => {
        const generationId = `picture-${index}`;
        const made = example('generation.completed.v1', { generationId, assignment: drawn }, at(index));
        if (alignment === null) return [made];
        return [
          made,
          example('image.scored.v1', { generationId, imageIndex: 0, assignment: drawn, alignment }, at(index)),
        ];
      }),
    );
    const query = { experiment: 'pictures', revision: drawn.revision, variant: drawn.variant, limit: 3 } as const;
    const latest = await reader.pictures({ ...query, order: 'latest' });
    expect(latest.map(({ generationId, score }) => [generationId, score?.alignment])).toEqual([
      ['picture-3', 0.28],
      ['picture-2', undefined],
      ['picture-1', 0.12],
    ]);
    const worst = await reader.pictures({ ...query, order: 'worst-aligned' });
    expect(worst.map(({ generationId }) => generationId)).toEqual(['picture-1', 'picture-3', 'picture-0']);
    expect(await reader.picture({ service, generationId: 'picture-1', imageIndex: 0 })).toMatchObject({
      format: 'png',
    });
    expect(await reader.picture({ service, generationId: 'picture-1', imageIndex: 1 })).toBeUndefined();
    expect(await reader.picture({ service, generationId: 'nobody', imageIndex: 0 })).toBeUndefined();
  });

  it('keep of the analyses the last of each second and every change of verdict, and thin out the old ones', async () => {
    const base = example('experiment.analysed.v1').data;
    const analysed = (ms: number, verdict: 'undecided' | 'harmful'): TeststripEvent =>
      example('experiment.analysed.v1', {
        experiment: 'thin',
        analysisId: `at-${ms}`,
        analysedAt: new Date(Date.UTC(2026, 10, 20, 12) + ms).toISOString(),
        metrics: base.metrics.map((metric) => ({ ...metric, verdict })),
      });
    const events = Array.from({ length: 100 }, (_, index) =>
      analysed(index * 300, index < 75 ? 'undecided' : 'harmful'),
    );
    await recordEvents(database, facts, events.slice(0, 50));
    await recordEvents(database, facts, events.slice(40));
    const kept = await reader.analysisHistory('thin', base.revision, 1_000);
    expect(kept.length).toBeGreaterThanOrEqual(30);
    expect(kept.length).toBeLessThanOrEqual(31);
    expect(await reader.latestAnalysis('thin', base.revision)).toMatchObject({ analysisId: 'at-29700' });
    expect((await reader.analysisHistory('thin', base.revision, 5)).map(({ analysisId }) => analysisId)).toHaveLength(
      5,
    );
    const deleted = await facts.thinAnalyses({ beforeMs: Date.UTC(2026, 10, 21), everyMs: 10_000 });
    expect(deleted).toBeGreaterThan(20);
    const left = await reader.analysisHistory('thin', base.revision, 1_000);
    expect(left.map(({ metrics }) => metrics[0]?.verdict)).toContain('harmful');
    expect(left.at(-1)).toMatchObject({ analysisId: 'at-29700' });
    expect(await facts.thinAnalyses({ beforeMs: Date.UTC(2026, 10, 21), everyMs: 10_000 })).toBe(0);
  });

  it('are dropped by the day when they are old, while counted traffic stays, and what they shared goes with the last of them', async () => {
    const old = { ...assignment, experiment: 'old' };
    const shared = () =>
      database.query(
        `select 1 from teststrip.shared_documents
          where 'old' in (document ->> 'experiment', document -> 'assignment' ->> 'experiment')`,
      );
    const [first, second] = ['2020-01-01T23:59:59.999Z', '2020-01-02T00:00:00.000Z'];
    const days = createFactStore(database);
    await recordEvents(database, days, [
      example('request.routed.v1', { startedAt: first!, assignment: old }),
      example('request.routed.v1', { startedAt: second!, assignment: old }),
      example('generation.completed.v1', { assignment: old }, first),
      example('image.scored.v1', { assignment: old }, first),
      example('image.scored.v1', { assignment: old }, second),
    ]);
    expect(await days.forget(keep(1, 2))).toEqual({ image_embeddings: ['2020-01-01'] });
    const late = example('image.scored.v1', { assignment: old }, first);
    await recordEvents(database, days, [late]);
    expect(await database.query(`select 1 from teststrip.image_scores where scored_at < '2020-01-02'`)).toHaveLength(2);
    expect(await days.forget(keep(2))).toEqual({
      request_facts: ['2020-01-01'],
      generation_facts: ['2020-01-01'],
      score_facts: ['2020-01-01'],
    });
    expect(await reader.traffic('old', old.revision)).toMatchObject([{ requests: 2 }]);
    // Of the request and the score of the second day.
    expect(await shared()).toHaveLength(2);
    for (const store of [days, createFactStore(database)])
      await expect(recordEvents(database, store, [late])).rejects.toThrow(
        /image\.scored\.v1 is of 2020-01-01, and kept are 2020-01-02 to .*: facts of earlier days were dropped/,
      );
    expect(await days.forget(keep(3))).toEqual({
      request_facts: ['2020-01-02'],
      score_facts: ['2020-01-02'],
      image_embeddings: ['2020-01-02'],
    });
    expect(await shared()).toEqual([]);
  });

  it('of a unit that is erased meanwhile are not left over: its erasure waits for who has looked, and holds nobody up meanwhile', async () => {
    const told = example('request.routed.v1', { assignment: { ...assignment, experiment: 'late', unit: 'leaves' } });
    const erase = () => facts.erase({ names: ['leaves'], actor: 'privacy', reason: 'asked for' });
    let erased: ReturnType<typeof erase> | undefined;
    await database.transaction(async (tx) => {
      await facts.record(tx, facts.prepare([told]));
      erased = erase();
      // Longer than an erasure waits at a time.
      await pause(700);
      await recordEvents(database, facts, [
        example('request.routed.v1', { assignment: { ...assignment, experiment: 'other' } }),
      ]);
    });
    expect(await erased).toMatchObject({ requests: 1 });
    await recordEvents(database, facts, [{ ...told, id: 'again' }]);
    expect(await database.query(`select 1 from teststrip.requests where unit = 'leaves'`)).toEqual([]);
  });

  it('are written fast enough: well under 0.3 ms of this process per event, decoding included', async () => {
    const encoded = Array.from({ length: 20 }, () =>
      Array.from({ length: 500 }, (_, index) =>
        encodeEvent(index % 2 === 0 ? example('request.routed.v1') : example('generation.completed.v1')),
      ),
    );
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    for (const batch of encoded) {
      await database.transaction((tx) => facts.record(tx, facts.prepare(batch.map(decodeEvent))));
    }
    const wallMs = performance.now() - startedAt;
    const cpu = process.cpuUsage(cpuBefore);
    const cpuMsPerEvent = (cpu.user + cpu.system) / 1_000 / 10_000;
    console.log(
      `recorded ${Math.round(10_000 / (wallMs / 1_000))} events/s, ${cpuMsPerEvent.toFixed(3)} ms CPU per event`,
    );
    expect(cpuMsPerEvent).toBeLessThan(0.3);
  }, 120_000);
});

describe('facts of a version before the days', () => {
  it('are there after the upgrade, and absorb their events when those come again', async () => {
    const old = await withDatabase();
    await migrate(old);
    const scored = { ...example('image.scored.v1'), id: 'scored' };
    const told = [{ ...routed, id: 'routed' }, { ...example('generation.completed.v1'), id: 'made' }, scored];
    await recordEvents(old, createFactStore(old), told);
    await undoDays(old);
    const rows = await old.query('select * from teststrip.requests');
    expect(rows).toMatchObject([{ assignment, variant: assignment.variant }]);
    // As the version before has written them.
    await old.query(`update teststrip.requests set event_id = 'routed'; update teststrip.generations set event_id = 'made';
      update teststrip.image_scores set event_id = 'scored';`);
    expect(await migrate(old)).toContain('DaysOfFacts1790000000020');
    await recordEvents(old, createFactStore(old), told);
    const [counted] = await old.query(
      `select (select count(*)::integer from teststrip.requests) as requests, (select count(*)::integer from teststrip.generations) as made,
              (select count(*)::integer from teststrip.image_scores) as scores`,
    );
    expect(counted).toEqual({ requests: 1, made: 1, scores: 1 });
    const back = createFactReader(old);
    expect(await back.request(routed.data.requestId)).toMatchObject({ service: routed.data.service, assignment });
    const query = { experiment: assignment.experiment, revision: 1, variant: assignment.variant, limit: 1 };
    expect(await back.pictures({ ...query, order: 'worst-aligned' })).toMatchObject([
      { prompt: completed.prompt, seed: completed.seed, score: { alignment: scored.data.alignment } },
    ]);
    const [stored] = await old.query<{ embedding: Buffer; identity: object; config: object }>(
      `select embedding, identity, config from teststrip.image_scores
         join teststrip.image_embeddings using (scored_at, event_digest) join teststrip.generations using (generation_id)`,
    );
    expect(stored?.embedding.toString('base64')).toBe(scored.data.embedding);
    expect(stored).toMatchObject({ identity: scored.data.identity, config: completed.config });
    await old.close();
  }, 120_000);
});

/** And what came after them. */
async function undoDays(old: TestDatabase): Promise<void> {
  const source = await createDataSource({
    url: old.url,
    connections: 1,
    access: 'read-write',
    applicationName: 'teststrip tests',
  }).initialize();
  while ((await old.query(`select 1 where to_regclass('teststrip.fact_horizons') is not null`)).length > 0)
    await source.undoLastMigration({ transaction: 'each' });
  await source.destroy();
}

describe('what reports ask', () => {
  it('finds its rows by an index, and no index is there that nothing asks', async () => {
    await database.query(MANY_FACTS);
    const source = (await database.reads()).connection;
    let asked: [string, unknown[]][] = [];
    const logQuery = (sql: string, values?: unknown[]) => void asked.push([sql, values ?? []]);
    const logger = {
      logQuery,
      logQueryError: ignore,
      logQuerySlow: ignore,
      logSchemaBuild: ignore,
      logMigration: ignore,
      log: ignore,
    };
    source.setOptions({ logging: ['query'], logger });
    const of = { experiment: 'many-2', revision: 1, variant: 'v3' };
    const latest = { ...of, limit: 24 };
    const questions: Readonly<Record<string, () => Promise<unknown>>> = {
      'the latest pictures': () => reader.pictures({ ...latest, order: 'latest' }),
      'the worst aligned': () => reader.pictures({ ...latest, order: 'worst-aligned' }),
      'pictures to judge': () => reader.reviewPictures({ ...of, among: 100 }),
      'pictures to compare': () => reader.embeddedPictures({ ...of, among: 100, prompts: ['a prompt'] }),
      judgements: () => reader.judged('many-2', 1),
      'where a picture lies': () =>
        reader.picture({ service: 'text-to-image', generationId: 'generation-77', imageIndex: 0 }),
      'whose generation': () => reader.servicesOfGeneration('generation-77'),
      'a request': () => reader.request('request-77'),
    };
    const used: Record<string, readonly string[]> = {};
    for (const [question, ask] of Object.entries(questions)) {
      asked = [];
      await ask();
      used[question] = await scansOf([...asked]);
    }
    expect(used).toEqual({
      'the latest pictures': ['generation_facts_latest', 'score_facts_pkey'],
      'the worst aligned': ['generation_facts_latest', 'generation_facts_pkey', 'score_facts_pkey'],
      'pictures to judge': ['generation_facts_latest'],
      'pictures to compare': ['generation_facts_latest', 'image_embeddings_pkey', 'score_facts_pkey'],
      judgements: ['preferences_experiment'],
      'where a picture lies': ['generation_facts_pkey'],
      'whose generation': ['generation_facts_pkey'],
      'a request': ['request_facts_pkey'],
    });
    // An event that comes again is looked for by its digest alone.
    const keys = await database.query<{ columns: string }>(
      `select pg_get_indexdef(indexrelid) as columns from pg_index where indrelid::regclass::text = any($1) and indisprimary`,
      [DIVIDED.map((table) => `teststrip.${table}`)],
    );
    expect(keys.map(({ columns }) => /\(event_digest, \w+_at\)$/.test(columns))).toEqual(DIVIDED.map(() => true));
    const indexes = await database.query<{ name: string }>(
      `select indexrelid::regclass::text as name from pg_index where indrelid::regclass::text = any($1) and not indisprimary order by 1`,
      [[...DIVIDED, 'preferences'].map((table) => `teststrip.${table}`)],
    );
    expect(indexes.map(({ name }) => name.replace('teststrip.', ''))).toEqual(
      [...new Set(Object.values(used).flat())].filter((name) => !name.endsWith('_pkey')).sort(),
    );
  });
});

/** Facts, and embeddings, of that day of January 2020 and later. */
const keep = (day: number, embeddings = day) => ({
  factsMs: Date.UTC(2020, 0, day),
  embeddingsMs: Date.UTC(2020, 0, embeddings),
});

const ignore = () => undefined;

const DIVIDED = ['request_facts', 'generation_facts', 'score_facts', 'image_embeddings', 'feedback'];

/** Indexes of facts that the plans of these statements use, by the names of the tables' own; of a table that is read through, \`all of\` it. */
async function scansOf(statements: readonly (readonly [string, unknown[]])[]): Promise<readonly string[]> {
  const rows = await database.query<{ name: string; parent: string; rows: number }>(
    `select c.relname as name, coalesce(p.relname, c.relname) as parent, c.reltuples as rows
       from pg_class c left join pg_inherits on inhrelid = c.oid left join pg_class p on p.oid = inhparent
      where c.relnamespace = 'teststrip'::regnamespace`,
  );
  const known = new Map(rows.map((row) => [row.name, row]));
  const scans = new Set<string>();
  const visit = (node: PlanNode): void => {
    const table = known.get(node['Relation Name'] ?? '');
    const index = known.get(node['Index Name'] ?? '')?.parent;
    if (index && !index.startsWith('shared_documents')) scans.add(index);
    if (node['Node Type'] === 'Seq Scan' && [...DIVIDED, 'preferences'].includes(table!.parent) && table!.rows > 1_000)
      scans.add(`all of ${table!.name}`);
    node.Plans?.forEach(visit);
  };
  const reads = await database.reads();
  for (const [sql, values] of statements) {
    await reads.transaction(async (tx) => {
      // Tables of a test are so small that reading them through is cheap.
      await tx.query('set local enable_seqscan = off');
      const [plan] = (await tx.query(`explain (format json) ${sql}`, values)) as {
        'QUERY PLAN': [{ Plan: PlanNode }];
      }[];
      visit(plan!['QUERY PLAN'][0].Plan);
    });
  }
  return [...scans].sort();
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** Three days of four experiments with five variants each. */
const MANY_FACTS = `
create temporary table told as
select n, 'many-' || n % 4 as experiment, 'v' || n / 4 % 5 as variant, date_trunc('day', now(), 'UTC') + n * interval '21 s' as at
  from generate_series(1, 12000) as n;
insert into teststrip.shared_documents
select hashtext(experiment || variant), jsonb_build_object('experiment', experiment, 'revision', 1, 'variant', variant, 'service', 's', 'outcome', 'delivered',
  'images', '[{"uri":"file:///x"}]'::jsonb, 'config', '{}'::jsonb, 'identity', '{}'::jsonb, 'blank', false), '2026-11-27' from told group by experiment, variant;
insert into teststrip.request_facts (event_digest, started_at, context, unit, request_id)
select teststrip.first_about('request-' || n) | n, at, hashtext(experiment || variant), 'u', teststrip.packed_id('request-' || n) from told;
insert into teststrip.generation_facts (event_digest, completed_at, arm, context, shadow, generation_id, request_id, prompt)
select teststrip.first_about('generation-' || n) | n, at, teststrip.arm_of(experiment, 1, variant), hashtext(experiment || variant), false,
       teststrip.packed_id('generation-' || n), teststrip.packed_id('request-' || n), 'a prompt' from told;
insert into teststrip.score_facts (event_digest, scored_at, context, alignment, image_index, generation_id, quality)
select teststrip.first_about('generation-' || n) | n, at, hashtext(experiment || variant), random(), 0, teststrip.packed_id('generation-' || n), '{}' from told;
insert into teststrip.image_embeddings select teststrip.first_about('generation-' || n) | n, at, '\\x003c' from told;
insert into teststrip.preferences
select 'many-' || n, experiment, n, 'rater', 'a prompt', 'v0', '', 'v1', '', 'left', at from told;
drop table told;
analyze teststrip.request_facts; analyze teststrip.generation_facts; analyze teststrip.score_facts; analyze teststrip.image_embeddings;
analyze teststrip.preferences; analyze teststrip.shared_documents;`;

function at(second: number): string {
  return new Date(Date.UTC(2026, 10, 20, 12, 0, second)).toISOString();
}
