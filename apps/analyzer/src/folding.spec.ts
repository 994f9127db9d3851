import { describe, expect, it } from 'vitest';
import { topics } from '#libs/contracts';
import { decodeEvidence, encodeEvidence, evidenceDesign, type ObservedEvent } from '#libs/evidence';
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

/** A folding with one experiment, and a store of its own. */
async function someFolding() {
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
      experiments: new Map([[KEY, known]]),
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
    onChanged: () => undefined,
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

function batchOf(events: readonly ObservedEvent[], from: number): EventBatch {
  const topic = topics.requestRouted.name;
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
