import type { Admin, Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { Subscription, SubscriptionOptions } from '../../event-bus.js';
import { logFailure } from '../failure-log.js';
import { copartitionAssigner } from './copartition-assigner.js';
import { incomingRecord } from './incoming-record.js';

export interface KafkaSubscriptionOptions {
  /** Silence after which the broker gives a member's partitions to others. */
  readonly sessionTimeoutMs: number;
  /** A consumer died in a way that kafkajs does not mend. */
  readonly onCrash: (error: Error) => void;
}

const DEFAULT_BATCH = 500;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;
const PLACE_AGAIN_MS = 500;
/** Partitions handled at the same time; one that waits for a retry must not hold the others up. */
const CONCURRENT_PARTITIONS = 16;

/**
 * One member of a Kafka consumer group. Errors never reach kafkajs (a TypeError in a handler would stop the consumer for good): a failing
 * batch pauses its own partition and is read again. Heartbeats go on while a handler works.
 */
export class KafkaSubscription implements Subscription {
  readonly ready: Promise<void>;
  private readonly consumer: Consumer;
  private paused = false;
  private closed = false;
  private generation = 0;
  private assigned = new Map<string, Set<number>>();
  /** Next offset by place, for partitions that start where they have to. */
  private readonly positions = new Map<string, number>();
  private readonly attempts = new Map<string, number>();
  private readonly placing = new Map<string, Promise<number>>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private ends = new Map<string, { readonly low: number; readonly high: number }>();

  constructor(
    kafka: Kafka,
    private readonly admin: Admin,
    private readonly subscription: SubscriptionOptions,
    private readonly options: KafkaSubscriptionOptions,
  ) {
    this.consumer = kafka.consumer({
      groupId: subscription.group,
      partitionAssigners: [copartitionAssigner],
      sessionTimeout: options.sessionTimeoutMs,
      heartbeatInterval: Math.max(200, Math.floor(options.sessionTimeoutMs / 6)),
      rebalanceTimeout: Math.max(options.sessionTimeoutMs, 10_000),
      minBytes: 1,
      maxWaitTimeInMs: 500,
      allowAutoTopicCreation: false,
      retry: { retries: 20, initialRetryTime: 100, maxRetryTime: 2_000 },
    });
    this.ready = this.start();
    // Whoever does not wait for `ready` learns it from `onCrash`.
    this.ready.catch(() => undefined);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    const held = [...this.assigned].map(([topic, partitions]) => ({ topic, partitions: [...partitions] }));
    if (held.length > 0) this.consumer.resume(held);
  }

  async lag(): Promise<Readonly<Record<string, number>>> {
    const { group, topics } = this.subscription;
    const committed = await this.committedOffsets(group, topics);
    const lag: Record<string, number> = {};
    for (const topic of topics) {
      const ends = await this.admin.fetchTopicOffsets(topic);
      lag[topic] = ends
        .filter(({ partition }) => this.assigned.get(topic)?.has(partition))
        .reduce((sum, { partition, low, high }) => {
          const place = `${topic}/${partition}`;
          const position = this.positions.get(place) ?? committed.get(place) ?? Number(low);
          return sum + Math.max(0, Number(high) - position);
        }, 0);
    }
    return lag;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const timer of this.timers) clearTimeout(timer);
    await this.ready.catch(() => undefined);
    await this.consumer.disconnect();
    await this.tellRevoked(new Map());
  }

  private async start(): Promise<void> {
    const { topics } = this.subscription;
    await this.consumer.connect();
    await this.readEnds();
    await this.consumer.subscribe({ topics: [...topics], fromBeginning: true });
    const joined = new Promise<void>((resolve, reject) => {
      this.consumer.on('consumer.group_join', ({ payload }) => {
        this.assign(payload.memberAssignment);
        resolve();
      });
      this.consumer.on('consumer.crash', ({ payload }) => {
        if (payload.restart || this.closed) return;
        reject(payload.error);
        this.options.onCrash(payload.error);
      });
    });
    await this.consumer.run({
      eachBatchAutoResolve: false,
      autoCommitInterval: 200,
      partitionsConsumedConcurrently: CONCURRENT_PARTITIONS,
      eachBatch: (payload) => this.take(payload),
    });
    await joined;
  }

  private assign(memberAssignment: Record<string, number[]>): void {
    this.generation += 1;
    const next = new Map(Object.entries(memberAssignment).map(([topic, partitions]) => [topic, new Set(partitions)]));
    this.positions.clear();
    this.placing.clear();
    const before = this.assigned;
    this.assigned = next;
    void this.tellRevoked(next, before);
    if (this.paused) this.holdAll();
    const { positionOf, onAssigned, startFrom } = this.subscription;
    if (!positionOf && !onAssigned && startFrom !== 'latest') return;
    for (const [topic, partitions] of next) {
      for (const partition of partitions) void this.placeNow(topic, partition, this.generation);
    }
  }

  /**
   * Goes to the consumer's own position at once. It may lie before the one the group committed, and then kafkajs, which waits at
   * the end of the log, would fetch nothing until somebody publishes.
   */
  private async placeNow(topic: string, partition: number, generation: number): Promise<void> {
    const current = (): boolean => !this.closed && generation === this.generation;
    try {
      const position = await this.place(topic, partition);
      const place = `${topic}/${partition}`;
      if (!current() || !this.subscription.positionOf || this.positions.has(place)) return;
      this.positions.set(place, position);
      this.consumer.seek({ topic, partition, offset: String(position) });
    } catch (error) {
      if (!current()) return;
      logFailure(this.subscription.group, {
        topic,
        partition,
        offset: -1,
        attempt: 1,
        retryInMs: PLACE_AGAIN_MS,
        error,
      });
      this.later(() => void this.placeNow(topic, partition, generation), PLACE_AGAIN_MS);
    }
  }

  private async tellRevoked(next: ReadonlyMap<string, Set<number>>, before = this.assigned): Promise<void> {
    for (const [topic, partitions] of before) {
      for (const partition of partitions) {
        if (!next.get(topic)?.has(partition)) await this.subscription.onRevoked?.(topic, partition);
      }
    }
  }

  /** Handles one fetched batch; whatever happens, nothing is thrown but what kafkajs itself has to hear (a lost membership). */
  private async take({
    batch,
    resolveOffset,
    heartbeat,
    commitOffsetsIfNecessary,
    isRunning,
    isStale,
    pause,
  }: EachBatchPayload): Promise<void> {
    const { topic, partition } = batch;
    const place = `${topic}/${partition}`;
    const generation = this.generation;
    const gone = (): boolean => !isRunning() || isStale() || generation !== this.generation;
    if (this.paused) return this.hold(topic, partition);
    const beats = setInterval(
      () => void heartbeat().catch(() => undefined),
      Math.floor(this.options.sessionTimeoutMs / 4),
    );
    try {
      const position = await this.place(topic, partition);
      const first = Number(batch.messages[0]?.offset ?? position);
      if (this.positions.get(place) === undefined) {
        this.positions.set(place, position);
        if (first < position || (this.subscription.positionOf && first !== position)) {
          this.consumer.seek({ topic, partition, offset: String(position) });
          return;
        }
      }
      const { maxBatchSize = DEFAULT_BATCH, lingerMs = 0, handler } = this.subscription;
      const startedAt = performance.now();
      for (let from = 0; from < batch.messages.length; from += maxBatchSize) {
        if (gone()) return;
        if (this.paused) return this.hold(topic, partition);
        const records = batch.messages
          .slice(from, from + maxBatchSize)
          .map((message) => incomingRecord(topic, partition, message));
        const nextOffset = records.at(-1)!.offset + 1;
        await handler({
          topic,
          partition,
          records,
          nextOffset,
          heartbeat: () => heartbeat().catch(() => undefined),
          isStale: gone,
        });
        if (gone()) return;
        resolveOffset(String(nextOffset - 1));
        this.positions.set(place, nextOffset);
        this.attempts.delete(place);
      }
      await commitOffsetsIfNecessary();
      await heartbeat();
      if (lingerMs > 0) this.later(pause(), lingerMs - (performance.now() - startedAt));
    } catch (error) {
      if (isMembershipError(error)) throw error;
      if (gone()) return;
      this.retry(topic, partition, Number(batch.messages[0]?.offset ?? 0), error, pause());
    } finally {
      clearInterval(beats);
    }
  }

  private retry(topic: string, partition: number, offset: number, error: unknown, resume: () => void): void {
    const place = `${topic}/${partition}`;
    const attempt = (this.attempts.get(place) ?? 0) + 1;
    this.attempts.set(place, attempt);
    const retryInMs = Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), LONGEST_RETRY_MS);
    logFailure(this.subscription.group, { topic, partition, offset, attempt, retryInMs, error });
    this.consumer.seek({ topic, partition, offset: String(this.positions.get(place) ?? offset) });
    this.later(resume, retryInMs);
  }

  private later(resume: () => void, ms: number): void {
    const timer = setTimeout(
      () => {
        this.timers.delete(timer);
        if (!this.closed && !this.paused) resume();
      },
      Math.max(0, ms),
    );
    this.timers.add(timer);
  }

  private hold(topic: string, partition: number): void {
    this.consumer.pause([{ topic, partitions: [partition] }]);
  }

  private holdAll(): void {
    for (const [topic, partitions] of this.assigned) this.consumer.pause([{ topic, partitions: [...partitions] }]);
  }

  /** Where the partition has to start, found once per assignment. */
  private place(topic: string, partition: number): Promise<number> {
    const place = `${topic}/${partition}`;
    let placed = this.placing.get(place);
    if (!placed) {
      placed = this.findPlace(topic, partition);
      placed.catch(() => this.placing.delete(place));
      this.placing.set(place, placed);
    }
    return placed;
  }

  private async findPlace(topic: string, partition: number): Promise<number> {
    const { group, positionOf, onAssigned, startFrom } = this.subscription;
    await onAssigned?.(topic, partition);
    const place = `${topic}/${partition}`;
    const own = positionOf
      ? await positionOf(topic, partition)
      : (await this.committedOffsets(group, [topic])).get(place);
    if (own !== undefined) return own;
    const ends = this.ends.get(place);
    if (startFrom !== 'latest') return ends?.low ?? 0;
    const end = ends?.high ?? 0;
    // Written down, so that a later member does not start after records that nobody has seen.
    if (!positionOf) await this.consumer.commitOffsets([{ topic, partition, offset: String(end) }]);
    return end;
  }

  private async committedOffsets(groupId: string, topics: readonly string[]): Promise<Map<string, number>> {
    const found = await this.admin.fetchOffsets({ groupId, topics: [...topics] });
    return new Map(
      found.flatMap(({ topic, partitions }) =>
        partitions
          .filter(({ offset }) => Number(offset) >= 0)
          .map(({ partition, offset }) => [`${topic}/${partition}`, Number(offset)] as const),
      ),
    );
  }

  /** Taken before the group is joined, so that "latest" means "at the time of subscribing". */
  private async readEnds(): Promise<void> {
    for (const topic of this.subscription.topics) {
      for (const { partition, low, high } of await this.admin.fetchTopicOffsets(topic)) {
        this.ends.set(`${topic}/${partition}`, { low: Number(low), high: Number(high) });
      }
    }
  }
}

/** What kafkajs must hear to join its group again. */
function isMembershipError(error: unknown): boolean {
  const type = (error as { type?: unknown } | null)?.type;
  return (
    type === 'REBALANCE_IN_PROGRESS' ||
    type === 'UNKNOWN_MEMBER_ID' ||
    type === 'ILLEGAL_GENERATION' ||
    type === 'NOT_COORDINATOR_FOR_GROUP'
  );
}
