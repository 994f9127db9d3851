import type { IncomingRecord, TopicSettings } from '../../event-bus.js';
import type { PartitionSource } from '../partition-consumer.js';
import { WakeUp } from '../wake-up.js';

export interface MemoryTopic {
  readonly settings: TopicSettings;
  readonly partitions: readonly MemoryPartition[];
}

/** An array as a log. */
export class MemoryPartition implements PartitionSource {
  private readonly records: IncomingRecord[] = [];
  private readonly wakeUp = new WakeUp();

  get end(): number {
    return this.records.length;
  }

  append(record: Omit<IncomingRecord, 'offset'>): void {
    this.records.push({ ...record, offset: this.records.length });
    this.wakeUp.ring();
  }

  all(): readonly IncomingRecord[] {
    return this.records;
  }

  read(position: number, max: number): Promise<{ records: readonly IncomingRecord[]; nextOffset: number }> {
    const records = this.records.slice(position, position + max);
    return Promise.resolve({ records, nextOffset: position + records.length });
  }

  async waitFor(position: number, cancelled: AbortSignal): Promise<void> {
    if (position >= this.end) await this.wakeUp.wait(cancelled);
  }
}
