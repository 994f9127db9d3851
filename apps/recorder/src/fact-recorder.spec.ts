import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import type { EventBatch } from '#libs/messaging';
import type { Database, Queryable } from '#libs/persistence';
import type { FactStore } from '#libs/persistence/recorder';
import { FactRecorder } from './fact-recorder.js';
import { RecorderMetrics } from './recorder-metrics.js';

/** Transactions as they were tried: what each held, and whether it came through. */
function recorderThat(refuses: (ids: readonly string[]) => Error | undefined) {
  const tried: string[] = [];
  let ids: string[] = [];
  const database = {
    transaction: async (work: (tx: Queryable) => Promise<void>) => {
      ids = [];
      await work({ query: () => Promise.resolve([]) });
    },
  } as unknown as Database;
  const facts = {
    prepare: (events: readonly unknown[]) => events,
    record: (_tx: Queryable, events: readonly { readonly id: string }[]) => {
      ids = events.map(({ id }) => id);
      const refusal = refuses(ids);
      tried.push(`${ids.join(' ')}${refusal ? ' refused' : ''}`);
      return refusal ? Promise.reject(refusal) : Promise.resolve();
    },
  } as unknown as FactStore;
  const positions = { write: () => Promise.resolve() } as never;
  return { tried, recorder: new FactRecorder(database, facts, positions, new RecorderMetrics(new Registry())) };
}

function batch(partition: number, ...ids: readonly string[]): EventBatch {
  return { topic: 'request.routed.v1', partition, events: ids.map((id) => ({ event: { id } })) } as never;
}

describe('the recorder', () => {
  it('writes what all partitions have in one transaction', async () => {
    const { tried, recorder } = recorderThat(() => undefined);
    await Promise.all([recorder.record(batch(0, 'a')), recorder.record(batch(1, 'b')), recorder.record(batch(2, 'c'))]);
    expect(tried).toEqual(['a b c']);
  });

  it('writes apart what can not be written together: only the batch at fault fails, and is then tried without the others', async () => {
    const { tried, recorder } = recorderThat((ids) => (ids.includes('bad') ? new Error('refused') : undefined));
    const results = await Promise.allSettled([recorder.record(batch(0, 'a')), recorder.record(batch(1, 'bad', 'b'))]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await Promise.all([recorder.record(batch(1, 'b')), recorder.record(batch(0, 'c'))]);
    expect(tried).toEqual(['a bad b refused', 'a', 'bad b refused', 'b', 'c']);
  });

  it('asks once for all of them where the database is away', async () => {
    const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const { tried, recorder } = recorderThat(() => away);
    const results = await Promise.allSettled([recorder.record(batch(0, 'a')), recorder.record(batch(1, 'b'))]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(tried).toEqual(['a b refused']);
  });
});
