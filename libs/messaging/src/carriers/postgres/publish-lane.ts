import type { Queryable } from '#libs/persistence';
import type { IncomingRecord } from '../../event-bus.js';
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
const MOST_RECORDS_PER_FLUSH = 2_000;
const MOST_BYTES_PER_FLUSH = 4_000_000;

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
  private waiting: Waiting[] = [];
  private waitingRecords = 0;
  private flushing: Promise<void> | undefined;
  private lastFlushMs = -Infinity;
  /** Ends the wait for company. */
  private hurry: (() => void) | undefined;
  private isClosing = false;

  constructor(private readonly options: PublishLaneOptions) {}

  publish(records: readonly TopicRecord[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    return new Promise<void>((resolve, reject) => {
      this.waiting.push({ records, resolve, reject });
      this.waitingRecords += records.length;
      if (this.waitingRecords >= ENOUGH_RECORDS) this.hurry?.();
      this.flushing ??= this.flushAll();
    });
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    this.isClosing = true;
    this.hurry?.();
    await this.flushing;
  }

  private async flushAll(): Promise<void> {
    // Calls of the same turn of the event loop belong together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      await this.untilDue();
      this.lastFlushMs = performance.now();
      await this.flush(this.takeFlush());
    }
    this.flushing = undefined;
  }

  private async untilDue(): Promise<void> {
    for (let earlyByMs = this.dueInMs(); earlyByMs > 0; earlyByMs = this.dueInMs()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, earlyByMs);
        this.hurry = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.hurry = undefined;
    }
  }

  private dueInMs(): number {
    const { flushEveryMs } = this.options;
    const isSoon = this.isClosing || this.waitingRecords >= ENOUGH_RECORDS;
    return this.lastFlushMs + (isSoon ? Math.min(SOON_MS, flushEveryMs) : flushEveryMs) - performance.now();
  }

  private takeFlush(): Waiting[] {
    let records = 0;
    let bytes = 0;
    let count = 0;
    for (const waiting of this.waiting) {
      records += waiting.records.length;
      bytes += waiting.records.reduce((sum, record) => sum + (record.value?.length ?? 0), 0);
      if (count > 0 && (records > MOST_RECORDS_PER_FLUSH || bytes > MOST_BYTES_PER_FLUSH)) break;
      this.waitingRecords -= waiting.records.length;
      count++;
    }
    return this.waiting.splice(0, count);
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
