import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { recorderApp } from '#apps/recorder';
import { encodeEvent, examples, type TeststripEvent } from '#libs/contracts';
import { createEventBus, deadLetterHeaders, ensureTopics, type EventBus } from '#libs/messaging';
import { listPositions, migrate, resetPositions } from '#libs/persistence';
import { createPositions } from '#libs/persistence/positions';
import { createFactStore } from '#libs/persistence/recorder';
import { createFactReader } from '#libs/persistence/reports';
import { startApp, unitNames } from '#libs/platform';
import { withDatabase, type TestDatabase } from '#libs/testing/database';

let database: TestDatabase;
let bus: EventBus;
beforeAll(async () => {
  database = await withDatabase();
  await migrate(database);
  bus = await createEventBus({ carrier: 'postgres', database });
  await ensureTopics(bus, 2);
});
afterAll(async () => {
  await bus.close();
  await database.close();
});

const routed = examples.find(({ type }) => type === 'request.routed.v1') as TeststripEvent<'request.routed.v1'>;
const requests = (from: number, to: number): TeststripEvent[] =>
  Array.from({ length: to - from }, (_, index) => ({
    ...routed,
    id: `request-${from + index}`,
    subject: `user-${(from + index) % 50}`,
  }));
/** Under which an event is stored. */
const digestOf = (id: string): bigint =>
  ((bitsOf(routed.data.requestId) >> 40n) << 40n) | (bitsOf(id) & 0xff_ffff_ffffn);
const bitsOf = (text: string): bigint => createHash('sha256').update(text).digest().readBigInt64BE(0);
const ofDay = (id: string, day: string) => ({
  ...routed,
  id,
  data: { ...routed.data, startedAt: `${day}T03:04:05Z` },
});
/** The statement that the page on storage gives to readers. */
const holdoutBesideOthers = async (): Promise<string> =>
  /```sql\n(select case slot[^`]*)```/.exec(await readFile('docs/storage.md', 'utf8'))![1]!;
const recorded = async (): Promise<number> => {
  const rows = await database.query<{ rows: number }>('select count(*)::integer as rows from teststrip.requests');
  return rows[0]!.rows;
};

describe('the recorder', () => {
  it('writes events of every topic and keeps its position with them', async () => {
    const recorder = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    await bus.publish([...examples, ...requests(0, 1_000)].map(encodeEvent));
    await vi.waitFor(async () => expect(await recorded()).toBe(1_001), { timeout: 10_000 });
    await vi.waitFor(
      async () => {
        expect(await createFactReader(database).definitions()).toHaveLength(1);
        expect(await createFactReader(database).controllers()).toHaveLength(1);
      },
      { timeout: 10_000 },
    );
    await recorder.close();
    const positions = createPositions(database, 'recorder');
    const consumed = await Promise.all([0, 1].map((partition) => positions.read('request.routed.v1', partition)));
    expect(consumed.every((position) => position! > 0)).toBe(true);
  });

  it('continues where it stopped, and counts each request once although the log is replayed', async () => {
    await bus.publish(requests(1_000, 1_500).map(encodeEvent));
    const continued = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    await vi.waitFor(async () => expect(await recorded()).toBe(1_501), { timeout: 10_000 });
    await continued.close();

    const positions = createPositions(database, 'recorder');
    const before = await positions.read('request.routed.v1', 0);
    await positions.forget(database, 'request.routed.v1', 0);
    const replayed = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    await vi.waitFor(async () => expect(await positions.read('request.routed.v1', 0)).toBe(before), {
      timeout: 10_000,
    });
    await replayed.close();
    expect(await recorded()).toBe(1_501);
    const { experiment, revision } = routed.data.assignment!;
    const counts = await createFactReader(database).traffic(experiment, revision);
    expect(counts.map((count) => count.requests)).toEqual([1_501]);
  });

  it('does not go on in another log where it stood in this one: it says so, until somebody says where', async () => {
    const before = await recorded();
    await database.query(`update teststrip.consumed_positions set log = 'kafka:cluster:topic' where partition = 0`);
    await expect(startApp(recorderApp, { resources: { database, bus } })).rejects.toThrow(
      /the group recorder stands at offset \d+ of .*, of another log \(kafka:cluster:topic; this one is postgres:/,
    );
    expect(await resetPositions(database, 'recorder', 'earliest')).toBeGreaterThan(2);
    await bus.publish(requests(1_500, 1_501).map(encodeEvent));
    const recorder = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    await vi.waitFor(async () => expect(await recorded()).toBe(before + 1), { timeout: 10_000 });
    await recorder.close();
    expect(await listPositions(database)).toContainEqual(
      expect.objectContaining({
        topic: 'request.routed.v1',
        restartAt: null,
        log: expect.stringMatching(/^postgres:/),
      }),
    );
    await database.query(`delete from teststrip.request_facts where event_digest = ${digestOf('request-1500')}`);
    await database.query(`update teststrip.traffic set requests = requests - 1`);
  });

  it('writes the copies of pairs, and counts nobody as served by them', async () => {
    const { assignment } = routed.data;
    const { variant, experiment, revision } = assignment!;
    const pair = { request: 'request-0', candidate: variant, prompt: 'p' };
    const copy = { ...routed, id: 'copy', data: { ...routed.data, assignment: { ...assignment!, pair } } };
    const recorder = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    await bus.publish([copy].map(encodeEvent));
    await vi.waitFor(
      async () => {
        const rows = await database.query(`select 1 from teststrip.requests where event_digest = ${digestOf('copy')}`);
        expect(rows).toHaveLength(1);
      },
      { timeout: 10_000 },
    );
    await recorder.close();
    const counts = await createFactReader(database).traffic(experiment, revision);
    expect(counts.map((count) => count.requests)).toEqual([1_501]);
    await database.query(`delete from teststrip.request_facts where event_digest = ${digestOf('copy')}`);
  });

  it('writes in which part of a divided service each unit is, so that the holdout can be compared with all others', async () => {
    const recorder = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    const counted = () =>
      createFactReader(database).traffic(routed.data.assignment!.experiment, routed.data.assignment!.revision);
    const before = (await counted()).map((count) => count.requests);
    const held = ['delivered', 'delivered', 'server-error'] as const;
    await bus.publish(
      held.map((outcome, index) =>
        encodeEvent({
          ...routed,
          id: `held-${index}`,
          subject: `kept-apart-${index % 2}`,
          data: { ...routed.data, assignment: null, slot: 'holdout', outcome },
        }),
      ),
    );
    await bus.publish(
      ['portraits', 'free'].map((slot) => encodeEvent({ ...routed, id: `in-${slot}`, data: { ...routed.data, slot } })),
    );
    await vi.waitFor(
      async () => {
        expect(await database.query(`select 1 from teststrip.requests where slot is not null`)).toHaveLength(5);
      },
      { timeout: 10_000 },
    );
    await recorder.close();
    expect(await database.query(await holdoutBesideOthers())).toEqual([
      { part: 'all others', units: 1, requests: 2, failed: 0 },
      { part: 'holdout', units: 2, requests: 3, failed: 1 },
    ]);
    expect((await counted()).map((count) => count.requests)).toEqual(before.map((count) => count + 2));
    await database.query(
      `delete from teststrip.request_facts where event_digest in (select event_digest from teststrip.requests where slot is not null)`,
    );
  });

  it('passes a malformed record over, to the dead letters, and records the rest of its batch', async () => {
    const recorder = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    const [before, after] = requests(1_500, 1_502).map(encodeEvent);
    await bus.publish([before!, { ...before!, value: Buffer.from('no event') }, after!]);
    await vi.waitFor(async () => expect(await recorded()).toBe(1_503), { timeout: 10_000 });
    const dead = await bus.readAll('request.routed.v1.dead');
    expect(dead.map(({ value }) => value?.toString())).toEqual(['no event']);
    await recorder.close();
  });

  it('keeps what other programs report as they mean it, and counts what it had to read into it', async () => {
    const recorder = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    const generation = encodeEvent(examples.find(({ type }) => type === 'generation.completed.v1')!);
    const odd = `{"requestId": "odd", "seed": 18446744073709551615, "cost": NaN, "gpu": {"utilisation": 87},
      "images": [{"uri": "https://x/y", "format": "JPEG"}], "config": {"loras": ["detail"]}}`;
    const { ce_id: _id, ce_time: _time, ce_subject: _subject, ...headers } = generation.headers;
    await bus.publish([{ ...generation, headers, key: 'user-9', value: Buffer.from(odd) }]);
    const stored = () =>
      database.query<object>(
        `select event_digest::text, arm::text, context::text, unit, seed, cost, prompt, fingerprint, total_ms, gpu_utilisation, config, images
           from teststrip.generations where request_id = 'odd'`,
      );
    await vi.waitFor(async () => expect(await stored()).toHaveLength(1), { timeout: 10_000 });
    const [row] = await stored();
    expect(row).toMatchObject({
      unit: 'user-9',
      seed: '18446744073709551615',
      cost: null,
      prompt: null,
      fingerprint: null,
      total_ms: null,
      gpu_utilisation: 0.87,
      config: { loras: ['detail'] },
      images: [{ uri: 'https://x/y', format: 'jpeg', sha256: null }],
    });
    await recorder.close();
  });

  it('buries an event that the database refuses, and records the others within two seconds', async () => {
    await database.query(
      `alter table teststrip.request_facts add constraint not_this_one check (event_digest <> ${digestOf('request-2001')})`,
    );
    const recorder = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    const known = await recorded();
    const sentAt = performance.now();
    await bus.publish(requests(2_000, 2_100).map(encodeEvent));
    await vi.waitFor(async () => expect(await recorded()).toBe(known + 99), { timeout: 10_000 });
    expect(performance.now() - sentAt).toBeLessThan(2_000);
    const dead = await bus.readAll('request.routed.v1.dead');
    const reasons = dead.map(({ headers }) => [String(headers['ce_id']), String(headers[deadLetterHeaders.reason])]);
    expect(reasons).toContainEqual(['request-2001', expect.stringContaining('not_this_one')]);
    await recorder.close();
  });

  it('gives up every event whose values Postgres refuses, however many come in a row, and records those behind them', async () => {
    const recorder = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    const before = await recorded();
    const deadBefore = (await bus.readAll('request.routed.v1.dead')).length;
    await database.query(
      `alter table teststrip.request_facts add constraint none_of_these check (teststrip.id_of(request_id) not like 'refused-%')`,
    );
    const names = [...Array.from({ length: 25 }, (_, index) => `refused-${index}`), 'behind-them'];
    const events = names.map((id) => ({ ...routed, id, subject: 'one-user', data: { ...routed.data, requestId: id } }));
    await bus.publish(events.map(encodeEvent));
    await vi.waitFor(async () => expect(await recorded()).toBe(before + 1), { timeout: 15_000 });
    expect(await bus.readAll('request.routed.v1.dead')).toHaveLength(deadBefore + 25);
    await recorder.close();
  });

  it('buries what fits the schema and not Postgres, however many come in a row, and records those behind them', async () => {
    const recorder = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    const before = await recorded();
    const deadBefore = (await bus.readAll('request.routed.v1.dead')).length;
    const startedAt = (time: string) => ({ ...routed.data, startedAt: time });
    const bad = Array.from({ length: 25 }, (_, index): TeststripEvent => {
      if (index % 3 === 0) return { ...routed, id: `displaced-${index}`, data: startedAt('2026-11-20T10:15:30+23:59') };
      if (index % 3 === 1) return { ...routed, id: `no-year-${index}`, data: startedAt('0000-01-01T00:00:00Z') };
      return { ...routed, id: `ahead-${index}`, data: startedAt('2999-11-20T10:15:30Z') };
    });
    const events = [...bad, { ...routed, id: 'behind-the-bad' }].map((event) => ({ ...event, subject: 'one-user' }));
    await bus.publish(events.map(encodeEvent));
    await vi.waitFor(async () => expect(await recorded()).toBe(before + 1), { timeout: 15_000 });
    const dead = (await bus.readAll('request.routed.v1.dead')).slice(deadBefore);
    expect(dead).toHaveLength(25);
    expect(dead.map(({ headers }) => String(headers[deadLetterHeaders.reason]))).toContainEqual(
      expect.stringMatching(/is of 2999-11-20, and kept are .* that is ahead of the clock/),
    );
    await recorder.close();
  });

  it('drops old days as a whole, and buries with its reason what comes of them afterwards', async () => {
    const recorder = await startApp(recorderApp, { resources: { database, bus }, environment: { AUTH: 'off' } });
    const before = await recorded();
    await bus.publish([encodeEvent(ofDay('old', '2026-01-02'))]);
    await vi.waitFor(async () => expect(await recorded()).toBe(before + 1), { timeout: 10_000 });
    // As another recorder of the group does it.
    await createFactStore(database).forget({ factsMs: Date.UTC(2026, 0, 3), embeddingsMs: 0 });
    expect(await recorded()).toBe(before);
    await bus.publish([ofDay('late', '2026-01-01'), ofDay('after-the-late', '2026-01-04')].map(encodeEvent));
    await vi.waitFor(async () => expect(await recorded()).toBe(before + 1), { timeout: 10_000 });
    const dead = await bus.readAll('request.routed.v1.dead');
    expect(dead.map(({ headers }) => String(headers[deadLetterHeaders.reason]))).toContainEqual(
      expect.stringMatching(/is of 2026-01-01, and kept are 2026-01-03 to .*: facts of earlier days were dropped/),
    );
    await recorder.close();
  });

  it('erases what is kept of a unit under every name that it had, leaves counts, and takes nothing of it back from the log', async () => {
    const key = 'a key of sixteen letters';
    const [named, hashed] = ['gone@example.com', unitNames([key]).of('gone@example.com')];
    const environment = { AUTH: 'off', UNIT_KEYS: key, RECORDER_PORT: '0' };
    const recorder = await startApp(recorderApp, { resources: { database, bus }, environment });
    const ofUnit = (unit: string): readonly TeststripEvent[] =>
      examples.flatMap((event): TeststripEvent[] => {
        if (!ERASED.includes(event.type)) return [];
        const { data } = event as typeof routed;
        const told = {
          requestId: `of-${unit}`,
          generationId: `of-${unit}`,
          assignment: { ...data.assignment!, experiment: 'erased', unit },
        };
        return [{ ...event, id: `${event.type}-${unit}`, subject: unit, data: { ...data, ...told } } as TeststripEvent];
      });
    const judged = examples.find(
      ({ type }) => type === 'preference.judged.v1',
    ) as TeststripEvent<'preference.judged.v1'>;
    const right = { ...judged.data.right, generationId: `of-${hashed}` };
    const events = [
      ...[named, hashed, 'stays'].flatMap(ofUnit),
      { ...judged, id: 'judged', subject: 'erased', data: { ...judged.data, experiment: 'erased', right } },
    ];
    await bus.publish(events.map(encodeEvent));
    const rowsOf = async (table: string): Promise<readonly string[]> => {
      const rows = await database.query<{ unit: string }>(
        `select unit from teststrip.${table} where experiment = 'erased' order by 1`,
      );
      return rows.map(({ unit }) => unit);
    };
    const judgements = () => database.query(`select prompt from teststrip.preferences where experiment = 'erased'`);
    await vi.waitFor(
      async () => {
        for (const table of TABLES) expect(await rowsOf(table)).toHaveLength(3);
        expect(await judgements()).toHaveLength(1);
      },
      { timeout: 10_000 },
    );
    const embeddings = async () => (await database.query('select 1 from teststrip.image_embeddings')).length;
    const before = await embeddings();

    const answer = await fetch(`${recorder.url}/v1/erasures`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ unit: named, actor: 'privacy', reason: 'asked for' }),
    });
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { rows: { feedback: 2, image_scores: 2, preferences: 1, analyses: 0, generations: 2, requests: 2 } },
    ]);
    for (const table of TABLES) expect(await rowsOf(table)).toEqual(['stays']);
    expect(await embeddings()).toBe(before - 2);
    expect(await judgements()).toEqual([{ prompt: 'erased: judged' }]);
    expect(
      await database.query('select actor, reason, rows from teststrip.erasures where done_at is not null'),
    ).toHaveLength(2);
    expect(await createFactReader(database).traffic('erased', 1)).toMatchObject([{ requests: 3 }]);

    const later = new Date(Date.now() + 60_000).toISOString();
    const [again] = ofUnit(named).filter(({ type }) => type === routed.type) as [typeof routed];
    await bus.publish(
      [...events, { ...again, id: 'later', data: { ...again.data, startedAt: later } }].map(encodeEvent),
    );
    await vi.waitFor(async () => expect(await rowsOf('requests')).toEqual([named, 'stays']), { timeout: 10_000 });
    await recorder.close();
    expect(await rowsOf('generations')).toEqual(['stays']);
    expect(await createFactReader(database).traffic('erased', 1)).toMatchObject([{ requests: 4 }]);
  });
});

const TABLES = ['requests', 'generations', 'image_scores', 'feedback'];
const ERASED = ['request.routed.v1', 'generation.completed.v1', 'image.scored.v1', 'feedback.recorded.v1'];
