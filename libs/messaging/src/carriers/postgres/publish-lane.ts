import type { Queryable } from '#libs/persistence';
import type { IncomingRecord } from '../../event-bus.js';
import { Gathering, type Load } from '../../gathering.js';
import type { AppendNotices } from './append-notices.js';
import { appendRecords, type AppendableRecord, type AppendedRange } from './append-records.js';
import { unpackHeaders } from './headers.js';

export type TopicRecord = AppendableRecord & { readonly topic: string };

interface Waiting {
  readonly records: readonly TopicRecord[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What one publish hands over is never torn apart; a flush takes whole publishes up to these sizes. */
const MOST_PER_FLUSH: Load = { count: 2_000, bytes: 4_000_000 };

/** So many together are company enough: they are flushed soon. */
const ENOUGH_RECORDS = 64;
const SOON_MS = 5;

export interface PublishLaneOptions {
  readonly queryable: Queryable;
  /** Least time between the starts of two flushes of a few records, milliseconds. */
  readonly flushEveryMs: number;
  readonly notices: AppendNotices;
  readonly onAppended: (records: readonly IncomingRecord[]) => void;
}

/**
 * Gathers what is published at the same time into one statement. One flush runs at a time, so the order of the calls is the order
 * in the log, and everything that arrives meanwhile shares the next one.
 */
export class PublishLane {
  private readonly gathering: Gathering<Waiting>;

  constructor(private readonly options: PublishLaneOptions) {
    this.gathering = new Gathering({
      everyMs: options.flushEveryMs,
      soonMs: SOON_MS,
      enough: ENOUGH_RECORDS,
      most: MOST_PER_FLUSH,
      loadOf,
      run: (flush) => this.flush(flush),
    });
  }

  publish(records: readonly TopicRecord[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    return new Promise<void>((resolve, reject) => this.gathering.add({ records, resolve, reject }));
  }

  /** Resolves when nothing waits any more. */
  drain(): Promise<void> {
    return this.gathering.drain();
  }

  private async flush(flush: readonly Waiting[]): Promise<void> {
    const { queryable, notices, onAppended } = this.options;
    const records = flush.flatMap((waiting) => waiting.records);
    try {
      const ranges = await appendRecords(queryable, records);
      onAppended(asRead(records, ranges));
      notices.appended(ranges);
      for (const { resolve } of flush) resolve();
    } catch (error) {
      for (const { reject } of flush) reject(error);
    }
  }
}

function loadOf({ records }: Waiting): Load {
  return { count: records.length, bytes: records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0) };
}

/** What was appended, as it would be read. */
function asRead(records: readonly TopicRecord[], ranges: readonly AppendedRange[]): readonly IncomingRecord[] {
  const nextOffsets = new Map(ranges.map((range) => [`${range.topicId}:${range.partition}`, range.firstOffset]));
  const timestampMs = ranges[0]?.timestampMs ?? 0;
  return records.map((record): IncomingRecord => {
    const place = `${record.topicId}:${record.partition}`;
    const offset = nextOffsets.get(place)!;
    nextOffsets.set(place, offset + 1);
    const { topic, partition, key, value } = record;
    return { topic, partition, offset, key, headers: unpackHeaders(record.headers), value, timestampMs };
  });
}
