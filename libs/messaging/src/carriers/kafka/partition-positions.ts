import type { Admin, Consumer } from 'kafkajs';
import type { KeptPosition, SubscriptionOptions } from '../../event-bus.js';
import { startingOffset } from '../starting-offset.js';
import type { KafkaLogIds } from './log-ids.js';
import { retryTransient } from './retry-transient.js';
import { topicEnds } from './topic-ends.js';

/** Where the partitions of one subscription start, and how far they have been handled since their assignment. */
export class PartitionPositions {
  /** Next offset by place, of partitions that were handled or placed. */
  private readonly reached = new Map<string, number>();
  private readonly starting = new Map<string, Promise<number>>();
  private readonly ends = new Map<string, { readonly low: number; readonly high: number }>();
  /** What the group had committed when the partitions were assigned, by place. */
  private committedThen: Promise<ReadonlyMap<string, number>> | undefined;
  /** Names of the logs, by topic. */
  private readonly logs = new Map<string, Promise<string>>();

  constructor(
    private readonly admin: Admin,
    private readonly consumer: Consumer,
    private readonly subscription: SubscriptionOptions,
    private readonly logIds: Pick<KafkaLogIds, 'of'>,
  ) {}

  /** Taken before the group is joined, so that "latest" means "at the time of subscribing". */
  async readEnds(): Promise<void> {
    for (const topic of this.subscription.topics) {
      for (const { partition, low, high } of await this.endsOf(topic)) {
        this.ends.set(placeOf(topic, partition), { low: Number(low), high: Number(high) });
      }
    }
  }

  /** Every assignment finds its starts anew: another member may have moved them. */
  forget(): void {
    this.reached.clear();
    this.starting.clear();
    this.logs.clear();
    this.committedThen = undefined;
  }

  /** The same for one partition: its log was read from another place than where it was left. */
  forgetPlace(topic: string, partition: number): void {
    const place = placeOf(topic, partition);
    this.reached.delete(place);
    this.starting.delete(place);
    this.logs.delete(topic);
  }

  /** Which log a topic has, see `RecordBatch.log`; asked once per assignment. */
  logOf(topic: string): Promise<string> {
    const known = this.logs.get(topic);
    if (known) return known;
    const asked = retryTransient(() => this.logIds.of(topic));
    asked.catch(() => this.logs.delete(topic));
    this.logs.set(topic, asked);
    return asked;
  }

  /** The next offset to handle; undefined until the partition is placed. */
  reachedOf(topic: string, partition: number): number | undefined {
    return this.reached.get(placeOf(topic, partition));
  }

  moveTo(topic: string, partition: number, nextOffset: number): void {
    this.reached.set(placeOf(topic, partition), nextOffset);
  }

  /** Where the partition has to start, found once per assignment. */
  startOf(topic: string, partition: number): Promise<number> {
    const place = placeOf(topic, partition);
    let start = this.starting.get(place);
    if (!start) {
      start = this.findStart(topic, partition);
      start.catch(() => this.starting.delete(place));
      this.starting.set(place, start);
    }
    return start;
  }

  /** Whether that is where the client begins by itself: where the group was, or at the beginning of the log. */
  async isTheClients(topic: string, partition: number, start: number): Promise<boolean> {
    this.committedThen ??= this.committed(this.subscription.topics);
    this.committedThen.catch(() => (this.committedThen = undefined));
    const place = placeOf(topic, partition);
    return ((await this.committedThen).get(place) ?? this.ends.get(place)?.low) === start;
  }

  /** Records not handled yet in the partitions that `holds` says are this member's, by topic. */
  async lag(holds: (topic: string, partition: number) => boolean): Promise<Record<string, number>> {
    const { topics } = this.subscription;
    const committed = await this.committed(topics);
    const lag: Record<string, number> = {};
    for (const topic of topics) {
      lag[topic] = 0;
      for (const { partition, low, high } of await this.endsOf(topic)) {
        if (!holds(topic, partition)) continue;
        const position = this.reachedOf(topic, partition) ?? committed.get(placeOf(topic, partition)) ?? Number(low);
        lag[topic] += Math.max(0, Number(high) - position);
      }
    }
    return lag;
  }

  private async findStart(topic: string, partition: number): Promise<number> {
    const { positionOf, onAssigned, startFrom } = this.subscription;
    await onAssigned?.(topic, partition);
    const place = placeOf(topic, partition);
    const own = positionOf ? await positionOf(topic, partition) : (await this.committed([topic])).get(place);
    if (own !== undefined) return this.continued(own, topic, partition);
    const ends = this.ends.get(place);
    if (startFrom !== 'latest') return ends?.low ?? 0;
    const end = ends?.high ?? 0;
    // Written down, so that a later member does not start after records that nobody has seen.
    if (!positionOf) await this.consumer.commitOffsets([{ topic, partition, offset: String(end) }]);
    return end;
  }

  /** @throws PositionMismatchError */
  private async continued(kept: KeptPosition | number, topic: string, partition: number): Promise<number> {
    const log = await this.logOf(topic);
    // Younger than the position, which therefore lies within.
    const [ends] = (await this.endsOf(topic)).filter((one) => one.partition === partition);
    const extent = { log, low: Number(ends?.low ?? 0), high: Number(ends?.high ?? 0) };
    return startingOffset(kept, extent, { subscription: this.subscription, topic, partition });
  }

  private endsOf(topic: string): ReturnType<Admin['fetchTopicOffsets']> {
    return topicEnds(this.admin, topic);
  }

  private async committed(topics: readonly string[]): Promise<Map<string, number>> {
    const found = await this.admin.fetchOffsets({ groupId: this.subscription.group, topics: [...topics] });
    return new Map(
      found.flatMap(({ topic, partitions }) =>
        partitions
          .filter(({ offset }) => Number(offset) >= 0)
          .map(({ partition, offset }) => [placeOf(topic, partition), Number(offset)] as const),
      ),
    );
  }
}

function placeOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
