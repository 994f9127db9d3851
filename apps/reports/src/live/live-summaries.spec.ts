import { describe, expect, it } from 'vitest';
import type { ExperimentSummary } from '../summary/experiment-summary.js';
import { LiveSummaries } from './live-summaries.js';

/** Summaries that count how often they are written as text. */
function counting(): { readonly summary: () => Promise<ExperimentSummary>; written: number; exposed: number } {
  const counts = {
    written: 0,
    exposed: 1,
    summary: () => Promise.resolve({ controller: null, exposed: { toJSON } } as unknown as ExperimentSummary),
  };
  function toJSON(): number {
    counts.written += 1;
    return counts.exposed;
  }
  return counts;
}

describe('streams of a summary', () => {
  it('share one text, however many watch, and tell what is new alone', async () => {
    const counts = counting();
    const live = new LiveSummaries(counts, 10);
    const told: string[] = [];
    const streams = await Promise.all(Array.from({ length: 100 }, () => live.of('a')));
    const subscriptions = streams.map((stream) => stream.subscribe((text) => told.push(text)));
    await expect.poll(() => told.length).toBe(100);
    const before = counts.written;
    counts.exposed = 2;
    await expect.poll(() => told.length).toBe(200);
    // Twice a look, and not a hundred times: once as text, once for whether it is new.
    expect(counts.written - before).toBeLessThan(50);
    expect(told.at(-1)).toBe('{"controller":null,"exposed":2}');
    for (const subscription of subscriptions) subscription.unsubscribe();
  });

  it('are no more than may be, and one that ended makes room', async () => {
    const live = new LiveSummaries(counting(), 1_000, 2);
    const [first] = (await Promise.all([live.of('a'), live.of('a')])).map((stream) => stream.subscribe());
    await expect(live.of('a')).rejects.toMatchObject({ status: 503 });
    first?.unsubscribe();
    await expect(live.of('a')).resolves.toBeDefined();
  });

  it('are no more than may be, however many are asked for before the first has begun', async () => {
    const live = new LiveSummaries(counting(), 1_000, 2);
    const asked = await Promise.allSettled([live.of('a'), live.of('a'), live.of('a')]);
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  });
});
