import { randomBytes } from 'node:crypto';
import type { Database } from '#libs/persistence';
import type { IncomingRecord, OutgoingRecord } from '../../event-bus.js';
import { partitionOf } from '../partitioner.js';
import { AppendNotices } from './append-notices.js';
import { packHeaders } from './headers.js';
import { PublishLane, type TopicRecord } from './publish-lane.js';
import type { TopicCatalogue } from './topic-catalogue.js';

export interface PublishPace {
  /** Least time between the starts of two flushes of one lane, milliseconds: bounds the number of commits, delays nothing when idle. */
  readonly flushEveryMs: number;
  /** The same for bulk topics. */
  readonly flushBulkEveryMs: number;
  /** Whether records of a topic are many and may wait for company. */
  readonly isBulk: (topic: string) => boolean;
}

/**
 * Two lanes: bulk, and everything else on a connection of its own. An order waits neither for thousands of records that are being written nor for who has
 * the process's connections.
 */
export class PublishQueue {
  /** Names this process in its own notices. */
  readonly sender = randomBytes(6).toString('hex');
  private readonly lanes: { readonly bulk: PublishLane; readonly swift: PublishLane };
  private readonly notices: AppendNotices;

  constructor(
    database: Database,
    private readonly topics: TopicCatalogue,
    private readonly pace: PublishPace,
    onAppended: (records: readonly IncomingRecord[]) => void,
  ) {
    const own = database.ahead(1);
    this.notices = new AppendNotices(own, this.sender);
    const onFlushed = { onAppended, notices: this.notices };
    this.lanes = {
      bulk: new PublishLane({ ...onFlushed, queryable: database, flushEveryMs: pace.flushBulkEveryMs }),
      swift: new PublishLane({ ...onFlushed, queryable: own, flushEveryMs: pace.flushEveryMs }),
    };
  }

  async publish(records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return;
    // Publishes wait here only for a topic that nobody used before; the order of later ones is kept by the catalogue's answer.
    for (const record of records) if (!this.topics.peek(record.topic)) await this.topics.topic(record.topic);
    const bulk: TopicRecord[] = [];
    const swift: TopicRecord[] = [];
    for (const record of records) (this.pace.isBulk(record.topic) ? bulk : swift).push(this.appendable(record));
    await Promise.all([this.lanes.swift.publish(swift), this.lanes.bulk.publish(bulk)]);
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    await Promise.all([this.lanes.swift.drain(), this.lanes.bulk.drain()]);
    await this.notices.drain();
  }

  private appendable(record: OutgoingRecord): TopicRecord {
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
