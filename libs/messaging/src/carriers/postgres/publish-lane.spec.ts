import { describe, expect, it } from 'vitest';
import type { Queryable } from '#libs/persistence';
import { AppendNotices } from './append-notices.js';
import { PublishLane, type TopicRecord } from './publish-lane.js';

/** A database that takes everything, slowly, and remembers how many records each statement had and what was notified. */
function laneOf(flushEveryMs: number) {
  const flushes: number[] = [];
  const notices: string[] = [];
  let offset = 0;
  const queryable = {
    query: async (sql: string, values: readonly unknown[]) => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (sql.includes('pg_notify')) {
        notices.push(String(values[1]));
        return [];
      }
      const [count] = values[2] as readonly number[];
      flushes.push(count!);
      offset += count!;
      return [{ topic_id: 1, partition: 0, first_offset: offset - count!, next_offset: offset, timestamp_ms: 0 }];
    },
  } as unknown as Queryable;
  const sentOut = new AppendNotices(queryable, 'me');
  const lane = new PublishLane({ queryable, flushEveryMs, notices: sentOut, onAppended: () => undefined });
  return { lane, sentOut, flushes, notices };
}

const record: TopicRecord = {
  topic: 't',
  topicId: 1,
  partition: 0,
  key: null,
  headers: Buffer.alloc(0),
  value: Buffer.from('1'),
};

describe('a lane of publishes', () => {
  it('flushes the first at once, and gathers what comes soon after it', async () => {
    const { lane, sentOut, flushes, notices } = laneOf(300);
    await lane.publish([record]);
    const startedAtMs = performance.now();
    await Promise.all([
      lane.publish([record]),
      new Promise((resolve) => setTimeout(resolve, 5)).then(() => lane.publish([record, record])),
    ]);
    expect(performance.now() - startedAtMs).toBeGreaterThan(200);
    expect(flushes).toEqual([1, 3]);
    await sentOut.drain();
    expect(notices).toEqual(['me;1:0:1', 'me;1:0:4']);
  });

  it('does not wait with what is much, nor at its end', async () => {
    const { lane, flushes } = laneOf(60_000);
    await lane.publish([record]);
    await Promise.all(Array.from({ length: 64 }, () => lane.publish([record])));
    const last = lane.publish([record]);
    await lane.drain();
    await last;
    expect(flushes).toEqual([1, 64, 1]);
  });
});
