import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeEvent, encodeEvent, examples, type DataOf, type TeststripEvent, type TopicName } from '#libs/contracts';
import { migrate } from '#libs/persistence';
import { createFactStore, type FactStore } from '#libs/persistence/recorder';
import { createFactReader, type FactReader } from '#libs/persistence/reports';
import { withDatabase, type TestDatabase } from '#libs/testing/database';

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

describe('facts', () => {
  it('of every kind are written once however often they come, also twice in one batch', async () => {
    await facts.record(database, examples);
    await facts.record(database, [...examples, ...examples]);
    const tables = await database.query<{ name: string; rows: number }>(
      `select relname as name, (xpath('/row/c/text()', query_to_xml('select count(*) as c from teststrip.' || relname, false, true, '')))[1]::text::integer as rows
         from pg_stat_user_tables where schemaname = 'teststrip'`,
    );
    const rows = Object.fromEntries(tables.map((table) => [table.name, table.rows]));
    for (const table of [
      'requests',
      'generations',
      'image_scores',
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
    await facts.record(database, [policy(1, '2026-11-21T10:00:00.000Z'), policy(2, '2026-11-22T10:00:00.000Z')]);
    await facts.record(database, [policy(1, '2026-11-21T10:00:00.000Z')]);
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
    await Promise.all([facts.record(database, [...batch, outside]), facts.record(database, batch)]);
    const counts = await reader.traffic('counted', assignment.revision);
    expect(counts.map(({ epoch, outcome, requests }) => [epoch, outcome, requests])).toEqual([
      [1, 'delivered', 2],
      [1, 'server-error', 1],
      [2, 'delivered', 1],
    ]);
  });

  it('take any text that a person can type into a prompt', async () => {
    const prompt = 'a red\u0000circle \ud83d alone, an emoji \ud83d\ude00 and a backslash \\u0000';
    const event = example('generation.completed.v1', {
      generationId: 'strange',
      prompt,
      config: { ...completed.config, 'a\u0000key': ['\u0000', { '\ud83d': 1 }] },
      assignment: { ...assignment, experiment: 'strange' },
    });
    await facts.record(database, [event]);
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
    await facts.record(
      database,
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
    expect(await reader.picture('picture-1', 0)).toMatchObject({ format: 'png' });
    expect(await reader.picture('picture-1', 1)).toBeUndefined();
    expect(await reader.picture('nobody', 0)).toBeUndefined();
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
    await facts.record(database, events.slice(0, 50));
    await facts.record(database, events.slice(40));
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

  it('are forgotten when they are old, while counted traffic stays', async () => {
    const old = { ...assignment, experiment: 'old' };
    await facts.record(database, [
      example('request.routed.v1', { startedAt: '2020-01-01T00:00:00.000Z', assignment: old }),
      example('generation.completed.v1', { assignment: old }, '2020-01-01T00:00:00.000Z'),
    ]);
    const gone = await facts.forget(Date.UTC(2020, 0, 2));
    expect(gone).toEqual({ requests: 1, generations: 1, image_scores: 0, feedback: 0 });
    expect(await reader.traffic('old', old.revision)).toMatchObject([{ requests: 1 }]);
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
      await database.transaction((tx) => facts.record(tx, batch.map(decodeEvent)));
    }
    const wallMs = performance.now() - startedAt;
    const cpu = process.cpuUsage(cpuBefore);
    const cpuMsPerEvent = (cpu.user + cpu.system) / 1_000 / 10_000;
    console.log(
      `recorded ${Math.round(10_000 / (wallMs / 1_000))} events/s, ${cpuMsPerEvent.toFixed(3)} ms CPU per event`,
    );
    expect(cpuMsPerEvent).toBeLessThan(0.3);
  });
});

function at(second: number): string {
  return new Date(Date.UTC(2026, 10, 20, 12, 0, second)).toISOString();
}
