import type { KeptPosition, Subscription, SubscriptionOptions } from '../../event-bus.js';
import { Attempts } from '../attempts.js';
import { PartitionConsumer } from '../partition-consumer.js';
import { startingOffset, type PartitionExtent } from '../starting-offset.js';
import type { MemoryTopic } from './memory-partition.js';

interface Member {
  readonly options: SubscriptionOptions;
  readonly consumers: Map<string, PartitionConsumer>;
  readonly attempts: Attempts;
  paused: boolean;
}

const DEFAULT_BATCH = 500;

/** Shares the partitions of its topics among its members, in the order in which they joined. */
export class MemoryGroup {
  private readonly members: Member[] = [];
  /** The members, and those who left but still hold partitions. */
  private readonly holders = new Set<Member>();
  private readonly positions = new Map<string, number>();
  /** Rebalances follow each other: a partition is stopped at its old member before it starts at the new one. */
  private settled: Promise<void> = Promise.resolve();

  constructor(
    private readonly topicOf: (name: string) => MemoryTopic,
    /** Names the log. */
    private readonly log: string,
  ) {}

  join(options: SubscriptionOptions): Subscription {
    const member: Member = {
      options,
      consumers: new Map(),
      attempts: new Attempts(options.group),
      paused: false,
    };
    this.members.push(member);
    this.holders.add(member);
    return {
      ready: this.rebalance(),
      pause: () => {
        member.paused = true;
        for (const consumer of member.consumers.values()) consumer.pause();
      },
      resume: () => {
        member.paused = false;
        for (const consumer of member.consumers.values()) consumer.resume();
      },
      lag: () => Promise.resolve(this.lagOf(member)),
      health: () => member.attempts.health(member.consumers.size, 0),
      close: () => this.leave(member),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.members].map((member) => this.leave(member)));
  }

  private async leave(member: Member): Promise<void> {
    const index = this.members.indexOf(member);
    if (index >= 0) this.members.splice(index, 1);
    await this.rebalance();
  }

  private rebalance(): Promise<void> {
    const next = this.settled.then(() => this.assign());
    this.settled = next.catch(() => undefined);
    return next;
  }

  private async assign(): Promise<void> {
    const wanted = this.wantedOwners();
    for (const member of this.holders) await this.revoke(member, wanted);
    for (const [place, { member, topic, partition }] of wanted) {
      if (!member.consumers.has(place)) await this.start(member, place, topic, partition);
    }
  }

  private wantedOwners(): Map<string, { member: Member; topic: string; partition: number }> {
    const wanted = new Map<string, { member: Member; topic: string; partition: number }>();
    for (const topic of new Set(this.members.flatMap((member) => member.options.topics))) {
      const subscribers = this.members.filter((member) => member.options.topics.includes(topic));
      const { partitions } = this.topicOf(topic);
      for (let partition = 0; partition < partitions.length; partition++) {
        const member = subscribers[partition % subscribers.length]!;
        wanted.set(`${topic}/${partition}`, { member, topic, partition });
      }
    }
    return wanted;
  }

  private async revoke(member: Member, wanted: ReadonlyMap<string, { member: Member }>): Promise<void> {
    for (const [place, consumer] of member.consumers) {
      if (wanted.get(place)?.member === member) continue;
      await consumer.stop();
      member.consumers.delete(place);
      const at = place.lastIndexOf('/');
      await member.options.onRevoked?.(place.slice(0, at), Number(place.slice(at + 1)));
    }
    if (!this.members.includes(member)) this.holders.delete(member);
  }

  private async start(member: Member, place: string, topic: string, partition: number): Promise<void> {
    const { options } = member;
    const source = this.topicOf(topic).partitions[partition]!;
    const own = options.positionOf ? await options.positionOf(topic, partition) : this.positions.get(place);
    const extent = { log: this.log, low: 0, high: source.end };
    const position = this.startIn(member, own, { extent, topic, partition });
    this.positions.set(place, position);
    await options.onAssigned?.(topic, partition);
    const consumer = new PartitionConsumer({
      topic,
      partition,
      log: this.log,
      position,
      source,
      handler: options.handler,
      maxBatchSize: options.maxBatchSize ?? DEFAULT_BATCH,
      lingerMs: options.lingerMs ?? 0,
      onProgress: (nextOffset) => this.positions.set(place, nextOffset),
      attempts: member.attempts,
    });
    if (member.paused) consumer.pause();
    member.consumers.set(place, consumer);
  }

  private startIn(
    { options, attempts }: Member,
    kept: KeptPosition | number | undefined,
    {
      extent,
      topic,
      partition,
    }: { readonly extent: PartitionExtent; readonly topic: string; readonly partition: number },
  ): number {
    try {
      return startingOffset(kept, extent, { subscription: options, topic, partition });
    } catch (error) {
      attempts.failed({ topic, partition, offset: -1 }, error);
      throw error;
    }
  }

  /** Also of partitions that are the member's and wait for their position: all that they have, where it keeps that itself. */
  private lagOf(member: Member): Record<string, number> {
    const { topics, positionOf } = member.options;
    const lag = Object.fromEntries(topics.map((topic) => [topic, 0]));
    for (const [place, { member: owner, topic, partition }] of this.wantedOwners()) {
      if (owner !== member) continue;
      const before = positionOf ? 0 : (this.positions.get(place) ?? 0);
      const reached = member.consumers.get(place)?.position ?? before;
      lag[topic] = (lag[topic] ?? 0) + this.topicOf(topic).partitions[partition]!.end - reached;
    }
    return lag;
  }
}
