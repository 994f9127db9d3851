import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { topics } from '#libs/contracts';
import { type Evidence, evidenceDesign, initialEvidence } from '#libs/evidence';
import { createEventBus, ensureTopics, RecordRefusedError } from '#libs/messaging';
import { definition, foldInto, PairedTraffic, SimulatedTraffic } from '#libs/testing/traffic';
import { AnalysisPublisher } from './analysis-publisher.js';

type Traffic = ReturnType<PairedTraffic['alone']>;

/** A publisher of one experiment; when it looked at the evidence, and when an analysis came, by `performance.now()`. */
async function onePublisher(everyMs = 10): Promise<{
  readonly change: (events: Traffic) => void;
  readonly looks: readonly number[];
  readonly come: readonly number[];
}> {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  const design = evidenceDesign(definition(), 1);
  const parts = new Map<string, Evidence>();
  const looks: number[] = [];
  const come: number[] = [];
  let changes = 0;
  let atMs = 0;
  const heard = bus.subscribe({
    group: 'spec',
    topics: [topics.experimentAnalysed.name],
    handler: async ({ records }) => {
      for (let index = 0; index < records.length; index += 1) come.push(performance.now());
    },
  });
  const publisher = new AnalysisPublisher({
    mayPublish: () => true,
    bus,
    nowMs: () => atMs,
    everyMs,
    source: () => {
      looks.push(performance.now());
      return { design, parts: [...parts.values()].map((evidence) => ({ evidence, changes })) };
    },
    onFailure: (error) => {
      throw error;
    },
  });
  onTestFinished(async () => {
    await publisher.close(false);
    await heard.close();
    await bus.close();
  });
  await heard.ready;
  const change = (events: Traffic): void => {
    for (const event of events) {
      foldInto(parts, design, { event }, 1);
      atMs = Math.max(atMs, Date.parse(event.time));
    }
    changes += 1;
    publisher.note('exp/1');
  };
  return { change, looks, come };
}

const SOON = { timeout: 5_000, interval: 2 };

/** Twice the evidence changes. @returns how long the second look at it took to come after the first. */
async function gapBetweenTwo(traffic: () => Traffic): Promise<number> {
  const { change, looks } = await onePublisher();
  change(traffic());
  await vi.waitFor(() => expect(looks).toHaveLength(1), SOON);
  change(traffic());
  await vi.waitFor(() => expect(looks.length).toBeGreaterThan(1), SOON);
  return (looks[1] as number) - (looks[0] as number);
}

it('says nothing while another analyzer may have the lead, and all of it when that is certain again', async () => {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  let isCertain = false;
  const failures: string[] = [];
  const design = evidenceDesign(definition(), 1);
  const publisher = new AnalysisPublisher({
    bus,
    nowMs: Date.now,
    everyMs: 10,
    mayPublish: () => isCertain,
    source: () => ({ design, parts: [{ evidence: initialEvidence(design, null), changes: 0 }] }),
    onFailure: (error) => failures.push((error as Error).message),
  });
  const published = () => bus.readAll('experiment.analysed.v1');
  publisher.note('exp');
  await vi.waitFor(() => expect(failures[0]).toContain('another analyzer may have the lead'), { timeout: 5_000 });
  expect(await published()).toEqual([]);
  isCertain = true;
  await vi.waitFor(async () => expect(await published()).toHaveLength(1), { timeout: 5_000 });
  await publisher.close(false);
  await bus.close();
});

it('an analysis that the bus does not take holds no other back', async () => {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  const published: string[] = [];
  const failures: string[] = [];
  const design = evidenceDesign(definition(), 1);
  const publisher = new AnalysisPublisher({
    mayPublish: () => true,
    bus: {
      ...bus,
      publish: async (records) => {
        const keys = records.map(({ value }) => (JSON.parse(String(value)) as { experiment: string }).experiment);
        if (keys.includes('large')) throw new RecordRefusedError('too large');
        published.push(...keys);
      },
    },
    nowMs: Date.now,
    everyMs: 10,
    source: (key) => ({
      design: { ...design, experiment: key },
      parts: [{ evidence: initialEvidence(design, null), changes: 0 }],
    }),
    onFailure: (error) => failures.push((error as Error).message),
  });
  for (const key of ['large', 'other', 'another']) publisher.note(key);
  await vi.waitFor(() => expect(published).toEqual(['other', 'another']), { timeout: 5_000 });
  expect(failures).toEqual(['large: too large']);
  await publisher.close(false);
  await bus.close();
});

describe('an experiment whose traffic all goes to control', () => {
  it('is looked at once a second where nothing is left to decide', async () => {
    const traffic = new PairedTraffic(1);
    expect(await gapBetweenTwo(() => traffic.alone())).toBeGreaterThan(700);
  });

  it('is looked at as quickly as on a ramp while its shadow brings pairs', async () => {
    const traffic = new PairedTraffic(1);
    const gap = await gapBetweenTwo(() => {
      const { original, copy } = traffic.pair();
      return [...original, ...copy];
    });
    expect(gap).toBeLessThan(700);
  });
});

function requests(traffic: SimulatedTraffic, count: number): Traffic {
  return Array.from({ length: count }, () => traffic.next()).flat();
}

describe('analyses on a ramp', () => {
  it('that say nothing new but numbers come once a second, however often they are made, and then no more', async () => {
    const traffic = new SimulatedTraffic(1);
    traffic.candidateShare = 0.3;
    const { change, looks, come } = await onePublisher();
    change(requests(traffic, 300));
    await vi.waitFor(() => expect(come).toHaveLength(1), SOON);
    for (let look = looks.length; look < 4; look = looks.length) {
      change([]);
      await vi.waitFor(() => expect(looks.length).toBeGreaterThan(look), SOON);
    }
    expect(come).toHaveLength(1);
    await vi.waitFor(() => expect(come).toHaveLength(2), SOON);
    expect((come[1] as number) - (come[0] as number)).toBeGreaterThan(700);
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(come).toHaveLength(2);
  });

  it('come at once when a verdict is another one', async () => {
    const traffic = new SimulatedTraffic(1, { candidate: { latencyFactor: 3 } });
    traffic.candidateShare = 0.5;
    const { change, come } = await onePublisher();
    change(requests(traffic, 5));
    await vi.waitFor(() => expect(come).toHaveLength(1), SOON);
    change(requests(traffic, 600));
    const changedAtMs = performance.now();
    await vi.waitFor(() => expect(come).toHaveLength(2), SOON);
    expect((come[1] as number) - changedAtMs).toBeLessThan(700);
  });
});
