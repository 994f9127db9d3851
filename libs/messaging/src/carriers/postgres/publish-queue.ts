import { randomBytes } from 'node:crypto';
import type { Database } from '#libs/persistence';
import type { IncomingRecord, OutgoingRecord } from '../../event-bus.js';
import { partitionOf } from '../partitioner.js';
import { appendRecords, type AppendableRecord } from './append-records.js';
import { packHeaders, unpackHeaders } from './headers.js';
import type { TopicCatalogue } from './topic-catalogue.js';

interface Waiting {
  readonly records: readonly (AppendableRecord & { readonly topic: string })[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What one publish hands over is never torn apart; a flush takes whole publishes up to these sizes. */
const MOST_RECORDS_PER_FLUSH = 2_000;
const MOST_BYTES_PER_FLUSH = 4_000_000;

/**
 * Gathers what is published at the same time into one statement. One flush runs at a time, so the order of the calls is the order
 * in the log, and everything that arrives meanwhile shares the next one.
 */
export class PublishQueue {
  /** Names this process in its own notifications. */
  readonly sender = randomBytes(6).toString('hex');
  private waiting: Waiting[] = [];
  private flushing: Promise<void> | undefined;
  private lastFlushMs = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly topics: TopicCatalogue,
    /** Least time between the starts of two flushes: bounds the number of commits, delays nothing when idle. */
    private readonly flushEveryMs: number,
    private readonly onAppended: (records: readonly IncomingRecord[]) => void,
  ) {}

  async publish(records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return;
    // Publishes wait here only for a topic that nobody used before; the order of later ones is kept by the catalogue's answer.
    for (const record of records) if (!this.topics.peek(record.topic)) await this.topics.topic(record.topic);
    const appendable = records.map((record) => this.appendable(record));
    await new Promise<void>((resolve, reject) => {
      this.waiting.push({ records: appendable, resolve, reject });
      this.flushing ??= this.flushAll();
    });
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    await this.flushing;
  }

  private async flushAll(): Promise<void> {
    // Calls of the same turn of the event loop belong together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const earlyByMs = this.lastFlushMs + this.flushEveryMs - performance.now();
      if (earlyByMs > 0) await new Promise((resolve) => setTimeout(resolve, earlyByMs));
      this.lastFlushMs = performance.now();
      await this.flush(this.takeFlush());
    }
    this.flushing = undefined;
  }

  private takeFlush(): Waiting[] {
    let records = 0;
    let bytes = 0;
    let count = 0;
    for (const waiting of this.waiting) {
      records += waiting.records.length;
      bytes += waiting.records.reduce((sum, record) => sum + (record.value?.length ?? 0), 0);
      if (count > 0 && (records > MOST_RECORDS_PER_FLUSH || bytes > MOST_BYTES_PER_FLUSH)) break;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  private async flush(flush: readonly Waiting[]): Promise<void> {
    const records = flush.flatMap((waiting) => waiting.records);
    try {
      const ranges = await appendRecords(this.database, records, this.sender);
      const nextOffsets = new Map(ranges.map((range) => [`${range.topicId}:${range.partition}`, range.firstOffset]));
      const timestampMs = ranges[0]?.timestampMs ?? 0;
      const appended = records.map((record): IncomingRecord => {
        const place = `${record.topicId}:${record.partition}`;
        const offset = nextOffsets.get(place)!;
        nextOffsets.set(place, offset + 1);
        const { topic, partition, key, value } = record;
        return { topic, partition, offset, key, headers: unpackHeaders(record.headers), value, timestampMs };
      });
      this.onAppended(appended);
      for (const { resolve } of flush) resolve();
    } catch (error) {
      for (const { reject } of flush) reject(error);
    }
  }

  private appendable(record: OutgoingRecord): Waiting['records'][number] {
    const topic = this.topics.peek(record.topic)!;
    const key = typeof record.key === 'string' ? Buffer.from(record.key) : record.key;
    return {
      topic: topic.name,
      topicId: topic.topicId,
      partition: key === null ? 0 : partitionOf(key, topic.partitions),
      key,
      headers: packHeaders(record.headers),
      value: record.value,
    };
  }
}
