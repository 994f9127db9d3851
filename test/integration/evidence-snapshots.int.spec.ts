import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Analyzer } from '#apps/analyzer';
import { encodeEvent, type ExperimentDefined, topics } from '#libs/contracts';
import {
  analyse,
  encodeEvidence,
  type EvidenceDesign,
  evidenceDesign,
  foldEvent,
  mergeEvidence,
  metricCatalogue,
  type MetricDefinition,
  type ObservedEvent,
} from '#libs/evidence';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate, type Queryable, resetPositions } from '#libs/persistence';
import {
  createEvidenceStore,
  type EvidenceSnapshot,
  PartsLostError,
  requireParts,
  takePart,
} from '#libs/persistence/analyzer';
import { createPositions } from '#libs/persistence/positions';
import { systemClock } from '#libs/platform';
import { type TestDatabase, withDatabase } from '#libs/testing/database';
import {
  emptyPart,
  experimentKey,
  type KnownExperiment,
  type Part,
  partEvidenceOf,
  partKey,
} from '../../apps/analyzer/src/evidence-part.js';
import {
  ANALYZER_GROUP,
  type DesignOf,
  loadParts,
  loadRevision,
  RESTS_AFTER_MS,
  saveParts,
  UnreadableEvidenceError,
} from '../../apps/analyzer/src/snapshots.js';
import { fullTraffic } from '#libs/testing/traffic';
import { definition } from '#libs/testing/traffic';

/** As one analyzer of the layout 5 stored it: evidence by place in the catalogue. Traffic and definition are the ones below. */
const LAYOUT_5 = new URL('fixtures/evidence-snapshots-of-layout-5.json', import.meta.url);
const DAY_MS = 86_400_000;
const WATCHED = ['embedding-shift', 'diversity', 'alignment-shift'];
const EVENTS = fullTraffic({ seed: 5, requests: 150, users: 60, candidate: { alignment: 0.29, preferred: 0.7 } });

describe('snapshots of the evidence in Postgres', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await withDatabase();
    await migrate(database);
  });
  afterAll(() => database.close());
  beforeEach(() => database.query('truncate teststrip.evidence_snapshots, teststrip.consumed_positions'));
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((analyzer) => analyzer.close()));
  });

  it('are read right under a catalogue in another order', async () => {
    const today = designsBy(metricCatalogue);
    const tomorrow = designsBy(metricCatalogue.toReversed());
    const parts = partsOf(today, EVENTS.slice(0, 300));
    await saveAll(database, parts, today);

    const loaded = await loadParts(database, tomorrow, 0);
    expect(loaded.warnings).toEqual([]);
    for (const all of [parts, loaded.parts]) foldInto(all, all === parts ? today : tomorrow, EVENTS.slice(300));
    expect(statements(loaded.parts, tomorrow)).toEqual(statements(parts, today));

    // And back again, after what was folded under the other order was saved.
    await saveAll(database, loaded.parts, tomorrow);
    const again = await loadParts(database, today, 0);
    expect(again.warnings).toEqual([]);
    expect(statements(again.parts, today)).toEqual(statements(parts, today));
  });

  it('lose nothing of the other metrics when one is added, one is removed and one is tuned', async () => {
    const changed = [
      { ...named('timeout-rate'), name: 'new-rate' },
      ...metricCatalogue.filter(({ name }) => name !== 'latency-p50'),
    ].map((metric) => (metric.name === 'latency-p99' ? { ...metric, level: 0.98 } : metric) as MetricDefinition);
    const today = designsBy(metricCatalogue);
    const tomorrow = designsBy(changed);
    const parts = partsOf(today, EVENTS.slice(0, 300));
    await saveAll(database, parts, today);

    const loaded = await loadParts(database, tomorrow, 0);
    expect(loaded.warnings.toSorted()).toEqual([
      'metric "latency-p50" of experiment exp@1 is no longer measured: its evidence is dropped',
      'metric "latency-p99" of experiment exp@1 is now another kind or tuned differently: its evidence starts afresh, for units not seen before',
      'metric "new-rate" of experiment exp@1 is new: it is measured from now on, for units not seen before',
    ]);
    // What was written over is saved at once, though nothing has come since: the next restart has nothing to say.
    await saveAll(database, loaded.parts, tomorrow);
    const again = await loadParts(database, tomorrow, 0);
    expect(again.warnings).toEqual([]);
    for (const all of [parts, again.parts]) foldInto(all, all === parts ? today : tomorrow, EVENTS.slice(300));
    const [before, after] = [statements(parts, today), statements(again.parts, tomorrow)].map((all) =>
      all.filter(({ metric }) => !['new-rate', 'latency-p50', 'latency-p99'].includes(metric)),
    );
    expect(after).toEqual(before);
  });

  it('of an earlier layout are never read: the log is folded again, with a word in the log', async () => {
    // One log: when the bus took its events is evidence as well.
    const bus = await busOf(['exp']);
    const expected = await analysed(bus, database, []);
    await database.query('truncate teststrip.evidence_snapshots, teststrip.consumed_positions');

    const stored = layout5();
    await createEvidenceStore(database).save(database, stored);
    for (const { positions } of stored) {
      for (const [place, offset] of Object.entries(positions))
        await createPositions(database, ANALYZER_GROUP).write(database, {
          topic: place.split('/')[0] ?? '',
          partition: 0,
          nextOffset: offset,
        });
    }
    const warnings: string[] = [];
    expect(await analysed(bus, database, warnings)).toEqual(expected);
    expect(warnings).toEqual([
      'stored evidence of experiment exp@1 cannot be read (feedback.recorded.v1/0: its unit memory is stored in another form): ' +
        'its events are folded again as far back as the log reaches; other experiments keep their evidence',
    ]);
  });

  it('that are damaged make the log be folded again instead of stopping the analyzer', async () => {
    // One log: when the bus took its events is evidence as well.
    const bus = await busOf(['exp']);
    const expected = await analysed(bus, database, []);
    await database.query(
      `update teststrip.evidence_snapshots set evidence = '\\x7b' where topic_partition like 'image%/0'`,
    );
    const warnings: string[] = [];
    expect(await analysed(bus, database, warnings)).toEqual(expected);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('its events are folded again as far back as the log reaches');
  });

  it('that are damaged say how many events can not be folded again, because the log has them no more', async () => {
    const bus = await busOf(['exp']);
    await analysed(bus, database, []);
    await damage(database, 'exp');
    const shortened: EventBus = {
      ...bus,
      subscribe: (options) =>
        bus.subscribe({
          ...options,
          handler: (batch) => options.handler({ ...batch, records: batch.records.filter(isKept) }),
        }),
    };
    const warnings: string[] = [];
    await analysed(shortened, database, warnings);
    expect(warnings.filter((line) => line.includes("can't be folded again"))).toContainEqual(
      expect.stringMatching(/^experiment exp@1: up to 7 events of image\.scored\.v1\[0\] can't be folded again/),
    );
  });

  it('that are damaged cost no other experiment its evidence, though the log is gone', async () => {
    const bus = await busOf(['a', 'b']);
    const before = await analysed(bus, database, []);
    await damage(database, 'a');
    const warnings: string[] = [];
    await resetPositions(database, ANALYZER_GROUP, 'earliest');
    const after = await analysed(await busOf([]), database, warnings);
    expect(evidenceOf(after, 'b')).toEqual(evidenceOf(before, 'b'));
    expect(evidenceOf(before, 'b').length).toBeGreaterThan(1);
    expect(evidenceOf(after, 'a')).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('stored evidence of experiment a@1 cannot be read (image.scored.v1/0: ');
  });

  it('that are damaged are caught up with alone: no other experiment folds an event twice, also after a crash in between', async () => {
    const bus = await busOf(['a', 'b']);
    const before = await analysed(bus, database, []);
    const positions = createPositions(database, ANALYZER_GROUP);
    const reached = await positions.read('image.scored.v1', 0);
    await damage(database, 'a');
    // As a crash leaves it in the middle of catching up: what b has seen is still known when the place is saved far before it.
    const begun = await loadParts(database, designsBy(metricCatalogue), 0);
    for (const part of begun.parts.values()) {
      part.nextOffset ??= 1;
      for (const entry of part.experiments.values()) entry.isDirty = true;
    }
    await saveParts(database, begun.parts.values(), { experiments: begun.experiments, nowMs: 0 });
    expect(await positions.read('image.scored.v1', 0)).toBe(1);
    await positions.forget(database, 'image.scored.v1', 0);
    const again = await loadParts(database, designsBy(metricCatalogue), 0);
    expect(again.parts.get('image.scored.v1/0')?.experiments.get('b@1')?.foldedTo).toBe(reached);

    for (const topic of new Set(EVENTS.map(({ type }) => type))) await positions.forget(database, topic, 0);
    const after = await analysed(bus, database, []);
    expect(after).toEqual(before);
  });

  it('that can not be encoded keep nobody else from being saved, and their events come again', async () => {
    await analysed(await busOf(['a', 'b']), database, []);
    const reached = new Map<string, number>();
    const { parts, experiments } = await loadParts(database, designsBy(metricCatalogue), 0);
    for (const [place, part] of parts) {
      reached.set(place, part.nextOffset!);
      part.nextOffset! += 1;
      for (const [key, entry] of part.experiments) {
        entry.isDirty = true;
        if (key === 'a@1' && part.topic === 'image.scored.v1') entry.evidence = { ...entry.evidence, traffic: null! };
      }
    }
    const failed = await saveParts(database, parts.values(), { experiments, nowMs: 0 });
    expect([...failed.keys()]).toEqual(['a@1']);
    const saved = await loadParts(database, designsBy(metricCatalogue), 0);
    for (const [place, { nextOffset, experiments: entries }] of saved.parts) {
      expect(nextOffset).toBe(reached.get(place)! + (place === 'image.scored.v1/0' ? 0 : 1));
      expect(entries.get('b@1')?.foldedTo).toBe(reached.get(place)! + 1);
    }
  });

  it('that are written in slices count nothing twice and leave nothing out when a crash comes between two', async () => {
    const designOf = designsBy(metricCatalogue);
    const experiments = new Map(['a', 'b'].map((key) => [`${key}@1`, experimentOf(key, designOf)]));
    const log = EVENTS.filter(({ type }) => type === 'request.routed.v1')
      .slice(0, 90)
      .flatMap((event) => [renamed(event, 'a'), renamed(event, 'b')]);
    const part = emptyPart('request.routed.v1', 0);
    readOn(part, experiments, log.slice(0, 60));
    await saveParts(database, [part], { experiments, nowMs: 0 });
    readOn(part, experiments, log.slice(0, 100));
    const dying = dyingAfter(database, 1, () => readOn(part, experiments, log.slice(0, 140)));
    await expect(saveParts(dying, [part], { experiments, nowMs: 0, sliceMs: 0 })).rejects.toThrow(
      'the process is gone',
    );

    const { parts } = await loadParts(database, designOf, 0);
    const [again] = parts.values();
    expect(again?.nextOffset).toBe(60);
    expect([...again!.experiments.values()].map(({ foldedTo }) => foldedTo)).toEqual([100, 60]);
    readOn(again!, experiments, log);
    const undisturbed = emptyPart('request.routed.v1', 0);
    readOn(undisturbed, experiments, log);
    for (const key of experiments.keys())
      expect(encodeEvidence(again!.experiments.get(key)!.evidence)).toEqual(
        encodeEvidence(undisturbed.experiments.get(key)!.evidence),
      );
  });

  it('that are written in slices are refused in each of them where another analyzer has the lead', async () => {
    const experiments = new Map(['a', 'b'].map((key) => [`${key}@1`, experimentOf(key, designsBy(metricCatalogue))]));
    const log = EVENTS.filter(({ type }) => type === 'request.routed.v1').slice(0, 20);
    const part = emptyPart('request.routed.v1', 0);
    readOn(part, experiments, [...log.map((event) => renamed(event, 'a')), ...log.map((event) => renamed(event, 'b'))]);
    let slices = 0;
    const fence = (): Promise<void> =>
      ++slices === 2 ? Promise.reject(new Error('the lead is lost')) : Promise.resolve();
    const saved = saveParts(database, [part], { experiments, nowMs: 1, sliceMs: 0, fence });
    await expect(saved).rejects.toThrow('the lead is lost');
    const stored = await createEvidenceStore(database).load();
    expect([...new Set(stored.map(({ experiment }) => experiment))]).toEqual(['a']);
    expect([...part.experiments.values()].map(({ isDirty }) => isDirty)).toEqual([false, true]);
  });

  it('of a part that another analyzer has taken over are refused; what was being written when it took it is there', async () => {
    const experiments = new Map([['a@1', experimentOf('a', designsBy(metricCatalogue))]]);
    const log = EVENTS.filter(({ type }) => type === 'request.routed.v1').map((event) => renamed(event, 'a'));
    const place = { topic: 'request.routed.v1', partition: 0 };
    const part = { ...emptyPart(place.topic, 0), generation: await takePart(database, place) };
    const save = (until: number) => {
      readOn(part, experiments, log.slice(0, until));
      const require = (tx: Queryable) => requireParts(tx, [{ ...place, generation: part.generation }]);
      return saveParts(database, [part], { experiments, nowMs: 0, require });
    };
    await save(20);
    let taken: Promise<number> | undefined;
    await database.transaction(async (tx) => {
      await requireParts(tx, [{ ...place, generation: part.generation }]);
      taken = takePart(database, place);
      const first = await Promise.race([taken, new Promise((resolve) => setTimeout(resolve, 100, 'waits'))]);
      expect(first).toBe('waits');
    });
    expect(await taken).toBe(part.generation + 1);
    await expect(save(40)).rejects.toThrow(PartsLostError);
    expect(await createPositions(database, ANALYZER_GROUP).read(place.topic, 0)).toBe(20);
    expect([...part.experiments.values()].map(({ isDirty }) => isDirty)).toEqual([true]);
    const [stored] = await createEvidenceStore(database).load({ isBare: true });
    expect(stored!.positions).toEqual({ 'request.routed.v1/0': 20 });
  });

  it('of what rested for an hour are left where they are by a start, and read when something comes for it', async () => {
    const designOf = designsBy(metricCatalogue);
    const experiments = new Map(['a', 'b'].map((key) => [`${key}@1`, experimentOf(key, designOf)]));
    const log = EVENTS.filter(({ type }) => type === 'request.routed.v1').slice(0, 60);
    const part = emptyPart('request.routed.v1', 0);
    const both = [...log.map((event) => renamed(event, 'a')), ...log.map((event) => renamed(event, 'b'))];
    readOn(part, experiments, both.slice(0, 60));
    await saveParts(database, [part], { experiments, nowMs: 1_000 });
    readOn(part, experiments, both);
    await saveParts(database, [part], { experiments, nowMs: 1_000 + RESTS_AFTER_MS });
    expect((await loadParts(database, designOf, 0)).resting).toEqual(new Set());
    await database.query(
      `update teststrip.evidence_snapshots set taken_at = taken_at + interval '1 second' where experiment = 'b'`,
    );

    const loaded = await loadParts(database, designOf, 0);
    expect(loaded.resting).toEqual(new Set(['a@1']));
    expect([...loaded.experiments.keys()]).toEqual(['a@1', 'b@1']);
    expect([...loaded.parts.get('request.routed.v1/0')!.experiments.keys()]).toEqual(['b@1']);
    const { entries } = await loadRevision(database, experiments.get('a@1')!);
    const [[place, entry]] = [...entries] as [[string, ReturnType<typeof partEvidenceOf>]];
    expect([place, entry.foldedTo]).toEqual(['request.routed.v1/0', 60]);
    expect(encodeEvidence(entry.evidence)).toEqual(encodeEvidence(part.experiments.get('a@1')!.evidence));

    await database.query(
      `update teststrip.evidence_snapshots set evidence = '\\x7b' where topic_partition like '%#units-%'`,
    );
    await expect(loadRevision(database, experiments.get('a@1')!)).rejects.toThrow(UnreadableEvidenceError);
    expect(await createPositions(database, ANALYZER_GROUP).read('request.routed.v1', 0)).toBeUndefined();
    expect((await createEvidenceStore(database).load()).map(({ experiment }) => experiment)).not.toContain('a');
  });

  it('stay or go together with all parts of their revision', async () => {
    const designOf = designsBy(metricCatalogue);
    const parts = partsOf(designOf, EVENTS.slice(0, 300));
    await saveAll(database, parts, designOf);
    await database.query(
      `update teststrip.evidence_snapshots set taken_at = to_timestamp(0) where topic_partition like 'feedback%'`,
    );
    await database.query(
      `update teststrip.evidence_snapshots set taken_at = to_timestamp($1) where topic_partition not like 'feedback%'`,
      [(80 * DAY_MS) / 1_000],
    );
    expect((await loadParts(database, designOf, 100 * DAY_MS)).parts.size).toBe(parts.size);
    expect((await loadParts(database, designOf, 200 * DAY_MS)).parts.size).toBe(0);
    expect(await createEvidenceStore(database).load()).toEqual([]);
  });
});

/** Analyzers that may still be open; closing twice does no harm. */
const opened: Analyzer[] = [];

function defined(): ExperimentDefined {
  return definition({ watch: WATCHED });
}

function designsBy(catalogue: readonly MetricDefinition[]): DesignOf {
  const designs = new Map<string, EvidenceDesign>();
  return (from) => {
    const key = experimentKey(from.experiment, from.revision);
    const design = designs.get(key) ?? evidenceDesign(from, 1, catalogue);
    designs.set(key, design);
    return design;
  };
}

function named(name: string): MetricDefinition {
  return metricCatalogue.find((metric) => metric.name === name) as MetricDefinition;
}

function known(designOf: DesignOf): KnownExperiment {
  return { definition: defined(), design: designOf(defined()) };
}

function partsOf(designOf: DesignOf, events: readonly ObservedEvent[]): Map<string, Part> {
  const parts = new Map<string, Part>();
  foldInto(parts, designOf, events);
  return parts;
}

function foldInto(parts: Map<string, Part>, designOf: DesignOf, events: readonly ObservedEvent[]): void {
  for (const event of events) {
    const place = partKey(event.type, 0);
    const part = parts.get(place) ?? emptyPart(event.type, 0);
    parts.set(place, part);
    const entry = partEvidenceOf(part, known(designOf));
    if (foldEvent(entry.evidence, designOf(defined()), event)) entry.isDirty = true;
    part.nextOffset = (part.nextOffset ?? 0) + 1;
  }
}

async function saveAll(database: TestDatabase, parts: ReadonlyMap<string, Part>, designOf: DesignOf): Promise<void> {
  await saveParts(database, parts.values(), {
    experiments: new Map([[experimentKey('exp', 1), known(designOf)]]),
    nowMs: 0,
  });
}

/** What is said of each metric, whatever their order. */
function statements(parts: ReadonlyMap<string, Part>, designOf: DesignOf) {
  const evidence = [...parts.keys()].sort().map((place) => {
    const part = parts.get(place) as Part;
    return partEvidenceOf(part, known(designOf)).evidence;
  });
  return analyse(evidence.reduce(mergeEvidence), designOf(defined()), 0).metrics.toSorted((a, b) =>
    a.metric < b.metric ? -1 : 1,
  );
}

function layout5(): readonly EvidenceSnapshot[] {
  const { rows } = JSON.parse(readFileSync(LAYOUT_5, 'utf8')) as {
    readonly rows: readonly (Omit<EvidenceSnapshot, 'evidence'> & { readonly evidenceGzip: string })[];
  };
  return rows.map(({ evidenceGzip, ...row }) => ({
    ...row,
    evidence: gunzipSync(Buffer.from(evidenceGzip, 'base64')),
  }));
}

function isKept({ topic, offset }: { readonly topic: string; readonly offset: number }): boolean {
  return topic === topics.experimentDefined.name || offset >= 7;
}

/** A bus with the traffic of each of these experiments, and their definitions. */
async function busOf(experiments: readonly string[]): Promise<EventBus> {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  for (const experiment of experiments) {
    const data = renamed(defined(), experiment);
    const attributes = { specversion: '1.0', id: experiment, source: 'test', time: data.definedAt } as const;
    const subject = experiment;
    await bus.publish([encodeEvent({ ...attributes, subject, type: topics.experimentDefined.name, data })]);
    await bus.publish(
      EVENTS.map((event) => encodeEvent({ ...renamed(event, experiment), id: `${experiment} ${event.id}` })),
    );
  }
  return bus;
}

/** The same about another experiment. */
function renamed<T>(value: T, experiment: string): T {
  return JSON.parse(JSON.stringify(value).replaceAll('"experiment":"exp"', `"experiment":"${experiment}"`)) as T;
}

function experimentOf(key: string, designOf: DesignOf): KnownExperiment {
  const of = renamed(defined(), key);
  return { definition: of, design: designOf(of) };
}

/** Folds what of the log the part has not read yet, as an analyzer does. */
function readOn(part: Part, experiments: ReadonlyMap<string, KnownExperiment>, log: readonly ObservedEvent[]): void {
  for (let offset = part.nextOffset ?? 0; offset < log.length; offset++) {
    const event = log[offset] as Extract<ObservedEvent, { readonly type: 'request.routed.v1' }>;
    const of = experiments.get(experimentKey(event.data.assignment!.experiment, 1)) as KnownExperiment;
    const entry = partEvidenceOf(part, of);
    part.nextOffset = offset + 1;
    if (offset >= entry.foldedTo && foldEvent(entry.evidence, of.design, event)) entry.isDirty = true;
  }
}

/** The database of a process that dies after so many transactions, and does something before. */
function dyingAfter(database: TestDatabase, transactions: number, before: () => void): TestDatabase {
  let left = transactions;
  return new Proxy(database, {
    get: (target, name) => {
      if (name !== 'transaction') return Reflect.get(target, name) as unknown;
      return async (work: Parameters<TestDatabase['transaction']>[0]) => {
        if (left-- > 0) return target.transaction(work);
        before();
        throw new Error('the process is gone');
      };
    },
  });
}

async function damage(database: TestDatabase, experiment: string): Promise<void> {
  await database.query(
    `update teststrip.evidence_snapshots set evidence = '\\x7b'
      where experiment = $1 and topic_partition = 'image.scored.v1/0'`,
    [experiment],
  );
}

/** An analyzer's state, place by place. */
type Analysed = readonly (readonly [string, number | undefined, ReadonlyMap<string, unknown>])[];

function evidenceOf(state: Analysed, experiment: string): readonly unknown[] {
  return state.flatMap(([place, , evidence]) => {
    const own = evidence.get(experimentKey(experiment, 1));
    return own === undefined ? [] : [[place, own]];
  });
}

/** Lets an analyzer fold what is on the bus on top of what is stored. @returns the evidence it leaves behind. */
async function analysed(bus: EventBus, database: TestDatabase, warnings: string[]): Promise<Analysed> {
  const log = { warn: (line: string) => warnings.push(line), error: (line: string) => warnings.push(line) };
  const analyzer = new Analyzer({ bus, database, clock: systemClock, log });
  opened.push(analyzer);
  analyzer.start();
  await analyzer.leading;
  await expect
    .poll(
      async () => {
        const lag = Object.values(await analyzer.lag());
        return lag.length > 0 && lag.every((left) => left === 0);
      },
      { timeout: 15_000, interval: 20 },
    )
    .toBe(true);
  await analyzer.close();
  const { parts } = await loadParts(database, designsBy(metricCatalogue), 0);
  return [...parts].map(([place, { nextOffset, experiments }]) => [
    place,
    nextOffset,
    new Map([...experiments].map(([key, { evidence }]) => [key, encodeEvidence(evidence)])),
  ]);
}
