import type { IncomingRecord, OutgoingRecord, TopicSettings } from '../../event-bus.js';
import type { PartitionSource } from '../partition-consumer.js';
import { WakeUp } from '../wake-up.js';

export interface MemoryTopic {
  readonly settings: TopicSettings;
  readonly partitions: readonly MemoryPartition[];
}

/** A record as it was published: who publishes does not wait for what readers want of it. */
interface KeptRecord {
  readonly record: OutgoingRecord;
  readonly partition: number;
  readonly timestampMs: number;
}

/** An array as a log. */
export class MemoryPartition implements PartitionSource {
  private readonly records: KeptRecord[] = [];
  private readonly wakeUp = new WakeUp();

  get end(): number {
    return this.records.length;
  }

  append(record: KeptRecord): void {
    this.records.push(record);
    this.wakeUp.ring();
  }

  all(): readonly IncomingRecord[] {
    return this.records.map(received);
  }

  read(position: number, max: number): Promise<{ records: readonly IncomingRecord[]; nextOffset: number }> {
    const kept = this.records.slice(position, position + max);
    const records = kept.map((record, index) => received(record, position + index));
    return Promise.resolve({ records, nextOffset: position + records.length });
  }

  async waitFor(position: number, cancelled: AbortSignal): Promise<void> {
    if (position >= this.end) await this.wakeUp.wait(cancelled);
  }
}

function received({ record, partition, timestampMs }: KeptRecord, offset: number): IncomingRecord {
  const { topic, key, headers, value } = record;
  return {
    topic,
    partition,
    offset,
    key: key === null ? null : Buffer.from(key),
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
    value,
    timestampMs,
  };
}
