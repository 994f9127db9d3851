import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { topics } from '#libs/contracts';
import { type Evidence, evidenceDesign, initialEvidence } from '#libs/evidence';
import { createEventBus, ensureTopics, RecordRefusedError } from '#libs/messaging';
import { definition, foldInto, PairedTraffic } from '#libs/testing/traffic';
import { AnalysisPublisher } from './analysis-publisher.js';

/** Twice an experiment's evidence changes; resolves with how long the second analysis took to come after the first. */
async function gapBetweenTwo(goOn: (traffic: PairedTraffic) => ReturnType<PairedTraffic['alone']>): Promise<number> {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  const design = evidenceDesign(definition(), 1);
  const parts = new Map<string, Evidence>();
  const traffic = new PairedTraffic(1);
  const come: number[] = [];
  const heard = bus.subscribe({
    group: 'spec',
    topics: [topics.experimentAnalysed.name],
    handler: async ({ records }) => {
      for (let index = 0; index < records.length; index += 1) come.push(performance.now());
    },
  });
  const publisher = new AnalysisPublisher({
    bus,
    nowMs: () => traffic.atMs,
    everyMs: 10,
    source: () => ({ design, parts: [...parts.values()] }),
    onFailure: (error) => {
      throw error;
    },
  });
  onTestFinished(async () => {
    await publisher.close(false);
    await heard.close();
    await bus.close();
  });
  const change = (): void => {
    for (const event of goOn(traffic)) foldInto(parts, design, { event }, 1);
    publisher.note('exp/1');
  };
  await heard.ready;
  change();
  await vi.waitFor(() => expect(come).toHaveLength(1), { timeout: 5_000, interval: 2 });
  change();
  await vi.waitFor(() => expect(come).toHaveLength(2), { timeout: 5_000, interval: 2 });
  return (come[1] as number) - (come[0] as number);
}

it('an analysis that the bus does not take holds no other back', async () => {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
  const published: string[] = [];
  const failures: string[] = [];
  const design = evidenceDesign(definition(), 1);
  const publisher = new AnalysisPublisher({
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
      parts: [initialEvidence(design, null)],
    }),
    onFailure: (error) => failures.push((error as Error).message),
  });
  for (const key of ['large', 'other', 'another']) publisher.note(key);
  await vi.waitFor(() => expect(published).toEqual(['other', 'another']), { timeout: 5_000 });
  expect(failures).toEqual(['large: too large']);
  await publisher.close(false);
  await bus.close();
});

describe('analyses of an experiment whose traffic all goes to control', () => {
  it('come once a second where nothing is left to decide', async () => {
    expect(await gapBetweenTwo((traffic) => traffic.alone())).toBeGreaterThan(700);
  });

  it('come as quickly as on a ramp while its shadow brings pairs', async () => {
    const gap = await gapBetweenTwo((traffic) => {
      const { original, copy } = traffic.pair();
      return [...original, ...copy];
    });
    expect(gap).toBeLessThan(700);
  });
});
