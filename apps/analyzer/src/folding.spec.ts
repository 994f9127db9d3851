import { describe, expect, it } from 'vitest';
import { topics } from '#libs/contracts';
import { blindAuc, decodeEvidence, encodeEvidence, evidenceDesign, type ObservedEvent } from '#libs/evidence';
import { createEventBus, createEventPublisher, ensureTopics, type EventBatch } from '#libs/messaging';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { type KnownExperiment, type PartEvidence, partKey } from './evidence-part.js';
import { Folding, type FoldingOptions } from './folding.js';
import { UnitLog } from './unit-log.js';

const HOUR_MS = 3_600_000;
const KEY = 'exp@1';
const PLACE = partKey(topics.requestRouted.name, 0);

describe('the evidence of a revision', () => {
  it('leaves memory an hour after its last change, once it is saved, and goes on as it was when something comes', async () => {
    const resting = await someFolding();
    const awake = await someFolding();
    const log = requests(40);
    for (const { folding } of [resting, awake]) await folding.fold(batchOf(log.slice(0, 20), 0));
    resting.passMs(HOUR_MS - 1);
    resting.folding.layToRest(() => true);
    expect(resting.kept()).toBeDefined();
    resting.passMs(1);
    resting.folding.layToRest(() => true);
    // Not saved yet.
    expect(resting.kept()).toBeDefined();
    resting.save();
    resting.folding.layToRest(() => false);
    expect(resting.kept()).toBeDefined();
    resting.folding.layToRest(() => true);
    expect(resting.kept()).toBeUndefined();
    expect(resting.folding.awake).toEqual([]);
    for (const { folding } of [resting, awake]) await folding.fold(batchOf(log.slice(20), 20));
    expect(resting.loads).toEqual([KEY]);
    expect(encodeEvidence(resting.kept()!.evidence)).toEqual(encodeEvidence(awake.kept()!.evidence));
    expect(resting.kept()!.evidence.units.everything()).toEqual(awake.kept()!.evidence.units.everything());
    // Its hour begins anew.
    resting.save();
    resting.folding.layToRest(() => true);
    expect(resting.kept()).toBeDefined();
  });

  it('is woken by another policy, which comes into force as ever', async () => {
    const { folding, passMs, save, kept, policies, define } = await someFolding();
    await folding.fold(batchOf(requests(10), 0));
    save();
    passMs(HOUR_MS);
    folding.layToRest(() => true);
    expect(kept()).toBeUndefined();
    await define(1);
    await expect.poll(() => policies.count).toBe(1);
    expect(kept()).toBeDefined();
    folding.takePolicies(new Map());
    expect(folding.definitions.find('exp', 1)!.design.policy).toBe(1);
    save();
    folding.layToRest(() => true);
    expect(kept()).toBeDefined();
  });

  it('that can not be brought back lets the batch be repeated, and counts nothing meanwhile', async () => {
    const { folding, passMs, save, kept, storeIs } = await someFolding();
    const log = requests(20);
    await folding.fold(batchOf(log.slice(0, 10), 0));
    save();
    passMs(HOUR_MS);
    folding.layToRest(() => true);
    storeIs('away');
    const next = batchOf(log.slice(10), 10);
    await expect(folding.fold(next)).rejects.toThrow('the database is away');
    expect(folding.parts.get(PLACE)!.nextOffset).toBe(10);
    storeIs('there');
    await folding.fold(next);
    expect([...kept()!.evidence.traffic.requests.values()].reduce((a, b) => a + b)).toBe(20);
  });
});

describe('a revision that has just been defined', () => {
  const { service } = definition().spec;
  const SCORES = partKey(topics.imageScored.name, 0);
  const begun = async (before: readonly ObservedEvent[], more: readonly ObservedEvent[] = []) => {
    const changed: string[] = [];
    const { folding, define } = await someFolding({ isKnown: false, onChanged: (key) => changed.push(key) });
    await folding.fold(batchOf(before, 0, topics.imageScored.name));
    await define(1);
    await expect.poll(() => folding.definitions.known.size).toBe(1);
    await folding.fold(batchOf(more, before.length, topics.imageScored.name));
    const evidence = folding.parts.get(SCORES)?.experiments.get(KEY)?.evidence;
    return { auc: evidence === undefined ? null : blindAuc(evidence.separation), evidence, changed };
  };

  it('knows that the scorer is blind to pictures of its service that came before, and goes by its own ones soon', async () => {
    const { auc, evidence } = await begun(scores(service, 60, 0.52));
    expect(auc).toBeCloseTo(0.52);
    expect(evidence!.traffic.requests.size).toBe(0);
    const own = scores(service, 40, 0.95).map((event) => ofControl(event));
    expect((await begun(scores(service, 60, 0.52), own)).auc).toBeNull();
  });

  it('is told so as soon as it is known, while it waits for the approval of its first share', async () => {
    const { auc, changed } = await begun([], scores(service, 60, 0.52));
    expect([auc, changed]).toEqual([expect.closeTo(0.52), [KEY]]);
  });

  it.each([
    ['it sees', () => scores(service, 60, 0.95)],
    ['too few pictures came', () => scores(service, 40, 0.5)],
    ['they are of another service', () => scores('another', 60, 0.5)],
    ['candidates painted them', () => scores(service, 60, 0.5).map((event) => ofControl(event, 'candidate', 'other'))],
    ['another scorer came since', () => [...scores(service, 60, 0.5), ...scores(service, 20, 0.95, 'b'.repeat(64))]],
  ])('knows nothing of the kind where %s', async (_why, before) => {
    expect((await begun(before())).auc).toBeNull();
  });
});

/** Scores of pictures that are of no experiment, with how well the scorer told their prompts apart. */
function scores(service: string, count: number, separation: number, digest?: string): readonly ObservedEvent[] {
  const traffic = new SimulatedTraffic(5);
  return Array.from({ length: count }, () => {
    const scored = traffic.next().find(({ type }) => type === topics.imageScored.name) as ObservedEvent;
    if (scored.type !== 'image.scored.v1') throw new Error('no picture was scored');
    const { identity } = scored.data;
    const scorer = digest === undefined ? identity : { ...identity, digest };
    return { ...scored, data: { ...scored.data, service, separation, assignment: null, identity: scorer } };
  });
}

function ofControl(event: ObservedEvent, variant = 'control', experiment = 'exp'): ObservedEvent {
  const scored = new SimulatedTraffic(7).next().find(({ type }) => type === topics.imageScored.name) as ObservedEvent;
  if (scored.type !== 'image.scored.v1' || event.type !== 'image.scored.v1') throw new Error('no picture was scored');
  const assignment = { ...scored.data.assignment!, variant, experiment };
  return { ...event, data: { ...event.data, assignment } };
}

/** A folding with one experiment, and a store of its own. */
async function someFolding({
  isKnown = true,
  onChanged = () => undefined,
}: { readonly isKnown?: boolean; readonly onChanged?: FoldingOptions['onChanged'] } = {}) {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  const known: KnownExperiment = { definition: definition(), design: evidenceDesign(definition(), 1) };
  const stored = new Map<string, ReturnType<typeof storedOf>>();
  const loads: string[] = [];
  const policies = { count: 0 };
  let store: 'there' | 'away' = 'there';
  let nowMs = Date.now();
  const options: FoldingOptions = {
    bus,
    clock: { nowMs: () => nowMs } as FoldingOptions['clock'],
    log: { warn: () => undefined, error: () => undefined },
    partitions: 1,
    loaded: {
      parts: new Map(),
      experiments: new Map(isKnown ? [[KEY, known]] : []),
      refused: new Set(),
      resting: new Set(),
      refolded: new Map(),
      warnings: [],
    },
    load: ({ design }) => {
      if (store === 'away') return Promise.reject(new Error('the database is away'));
      loads.push(KEY);
      const entries = [...stored].map(([place, one]) => [place, restored(one, design)] as const);
      return Promise.resolve({ entries: new Map(entries), warnings: [] });
    },
    onChanged,
    onKnown: () => undefined,
    onPolicy: () => void (policies.count += 1),
    onBroken: (error) => {
      throw error;
    },
  };
  const folding = new Folding(options);
  return {
    folding,
    loads,
    policies,
    kept: () => folding.parts.get(PLACE)?.experiments.get(KEY),
    passMs: (ms: number) => void (nowMs += ms),
    storeIs: (how: typeof store) => void (store = how),
    save: () => {
      for (const [place, { experiments, nextOffset }] of folding.parts) {
        const entry = experiments.get(KEY);
        if (entry) stored.set(place, storedOf(entry, nextOffset!));
      }
    },
    define: async (policy: number) => {
      await createEventPublisher(bus, 'test').publish([
        { type: topics.experimentDefined.name, subject: 'exp', data: { ...known.definition, policy } },
      ]);
      folding.definitions.start();
    },
  };
}

function storedOf(entry: PartEvidence, foldedTo: number) {
  entry.isDirty = false;
  return { evidence: encodeEvidence(entry.evidence), units: entry.evidence.units.everything(), foldedTo };
}

function restored({ evidence, units, foldedTo }: ReturnType<typeof storedOf>, design: KnownExperiment['design']) {
  const state = { isDirty: false, changes: 0, foldedTo, foldedLog: undefined, unitLog: new UnitLog() };
  return { ...state, evidence: decodeEvidence(design, evidence, [units]) } satisfies PartEvidence;
}

function requests(count: number): readonly ObservedEvent[] {
  const traffic = new SimulatedTraffic(3);
  return Array.from({ length: count }, () => traffic.next().find(({ type }) => type === topics.requestRouted.name)!);
}

function batchOf(
  events: readonly ObservedEvent[],
  from: number,
  topic: EventBatch['topic'] = topics.requestRouted.name,
): EventBatch {
  return {
    topic,
    partition: 0,
    log: 'log',
    events: events.map((event, index) => ({
      event,
      record: { topic, partition: 0, offset: from + index, key: null, headers: {}, value: null, timestampMs: 1_000 },
    })),
    nextOffset: from + events.length,
    heartbeat: () => Promise.resolve(),
    isStale: () => false,
  };
}
