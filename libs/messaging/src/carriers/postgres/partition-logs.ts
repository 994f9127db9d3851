import type { Database } from '#libs/persistence';
import type { IncomingRecord } from '../../event-bus.js';
import type { PartitionExtent } from '../starting-offset.js';
import { FetchQueue } from './fetch-queue.js';
import { OutageLog } from './outage-log.js';
import { PartitionLog } from './partition-log.js';
import type { StoredTopic, TopicCatalogue } from './topic-catalogue.js';

/** The partitions that somebody in this process consumes, and how far they are known to reach. */
export class PartitionLogs {
  private readonly outage = new OutageLog('read the ends of the partitions');
  /** By topic id and partition: `3:0`. */
  private readonly logs = new Map<string, PartitionLog>();
  private readonly uses = new Map<string, number>();
  private readonly fetches: FetchQueue;
  private answeredAtMs = performance.now();

  constructor(
    private readonly database: Database,
    private readonly topics: TopicCatalogue,
    /** Names this process in its own notifications. */
    private readonly sender: () => string,
  ) {
    this.fetches = new FetchQueue(database);
  }

  /** Milliseconds since the database last said where the partitions end. */
  get silentForMs(): number {
    return performance.now() - this.answeredAtMs;
  }

  /** The log of a partition; each use has to be released. */
  use(topic: StoredTopic, partition: number): PartitionLog {
    const place = logKey(topic, partition);
    this.uses.set(place, (this.uses.get(place) ?? 0) + 1);
    const known = this.logs.get(place);
    if (known) return known;
    const where = { topic: topic.name, topicId: topic.topicId, partition };
    const log = new PartitionLog((fromOffset) => this.fetches.fetch({ ...where, fromOffset }));
    this.logs.set(place, log);
    return log;
  }

  release(topic: StoredTopic, partition: number): void {
    const place = logKey(topic, partition);
    const uses = (this.uses.get(place) ?? 1) - 1;
    this.uses.set(place, uses);
    if (uses === 0) this.logs.delete(place);
  }

  /** What this process appended itself. */
  appended(records: readonly IncomingRecord[]): void {
    const byLog = new Map<PartitionLog, IncomingRecord[]>();
    for (const record of records) {
      const log = this.logs.get(logKey(this.topics.peek(record.topic)!, record.partition));
      if (!log) continue;
      const together = byLog.get(log);
      if (together) together.push(record);
      else byLog.set(log, [record]);
    }
    for (const [log, together] of byLog) log.append(together);
  }

  /** What another process appended: the sender, then `topic id:partition:end` of each partition. */
  heard(payload: string): void {
    const [sender, ...places] = payload.split(';');
    if (sender === this.sender()) return;
    if (sender === '') this.refreshEnds();
    for (const place of places) {
      const at = place.lastIndexOf(':');
      this.logs.get(place.slice(0, at))?.advance(Number(place.slice(at + 1)));
    }
  }

  /** A notification may be lost with its connection: the ends are read now and then as well. */
  refreshEnds(): void {
    const topicIds = [...new Set([...this.logs.keys()].map((place) => Number(place.split(':')[0])))];
    // Who reads nothing asks nothing.
    if (topicIds.length === 0) return;
    this.ends(topicIds).then(
      (ends) => {
        this.answeredAtMs = performance.now();
        this.outage.worked();
        for (const [place, end] of ends) this.logs.get(place)?.advance(end);
      },
      (error: unknown) => this.outage.failed(error),
    );
  }

  /** The first and the next offset of every partition, by topic id and partition. A compacted topic begins at 0, whatever is left of it. */
  async extents(topicIds: readonly number[]): Promise<ReadonlyMap<string, Omit<PartitionExtent, 'log'>>> {
    const rows = await this.database.query<{ topic_id: number; partition: number; low: number; high: number }>(
      `SELECT p.topic_id, p.partition, p.next_offset AS high,
              CASE WHEN t.compacted THEN 0 ELSE coalesce((
                SELECT r."offset" FROM bus.record r WHERE r.topic_id = p.topic_id AND r.partition = p.partition
                ORDER BY r."offset" LIMIT 1), p.next_offset) END AS low
       FROM bus.partition p JOIN bus.topic t USING (topic_id) WHERE topic_id = ANY($1::int[])`,
      [topicIds],
    );
    return new Map(
      rows.map(({ topic_id: topicId, partition, low, high }) => [`${topicId}:${partition}`, { low, high }]),
    );
  }

  /** The offset of the next record, by topic id and partition. */
  async ends(topicIds: readonly number[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.database.query<{ topic_id: number; partition: number; next_offset: number }>(
      'SELECT topic_id, partition, next_offset FROM bus.partition WHERE topic_id = ANY($1::int[])',
      [topicIds],
      { prepareAs: 'bus_ends' },
    );
    return new Map(rows.map((row) => [`${row.topic_id}:${row.partition}`, row.next_offset]));
  }
}

/** Key of a partition in `ends`. */
export function logKey({ topicId }: StoredTopic, partition: number): string {
  return `${topicId}:${partition}`;
}
