import type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import {
  PartlyHandledError,
  PositionMismatchError,
  type Subscription,
  type SubscriptionHealth,
  type SubscriptionOptions,
} from '../../event-bus.js';
import { Attempts } from '../attempts.js';
import { inTurn } from '../handler-turns.js';
import { incomingRecord } from './incoming-record.js';
import { DeadMembers } from './dead-members.js';
import { createGroupConsumer } from './group-consumer.js';
import type { KafkaLogIds } from './log-ids.js';
import { PartitionPositions } from './partition-positions.js';

export interface KafkaSubscriptionOptions {
  /** Silence after which the broker gives a member's partitions to others. */
  readonly sessionTimeoutMs: number;
  readonly logIds: Pick<KafkaLogIds, 'of'>;
  /** A consumer died in a way that kafkajs does not mend. */
  readonly onCrash: (error: Error) => void;
}

const DEFAULT_BATCH = 500;
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
  private readonly positions: PartitionPositions;
  private readonly attempts: Attempts;
  private readonly deadMembers: DeadMembers | undefined;
  private paused = false;
  private closed = false;
  private generation = 0;
  private assigned = new Map<string, Set<number>>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private answeredAtMs = performance.now();
  /** Of the newest assignment: each partition is placed, or was found to be none that can be placed now. */
  private placing: Promise<unknown> = Promise.resolve();
  private mismatch: PositionMismatchError | undefined;

  constructor(
    kafka: Kafka,
    admin: Admin,
    private readonly subscription: SubscriptionOptions,
    private readonly options: KafkaSubscriptionOptions,
  ) {
    this.consumer = createGroupConsumer(kafka, subscription.group, options.sessionTimeoutMs);
    this.positions = new PartitionPositions(admin, this.consumer, subscription, options.logIds);
    this.attempts = new Attempts(subscription.group);
    const { group, witness } = subscription;
    this.deadMembers = witness && new DeadMembers({ kafka, admin, group, witness });
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

  lag(): Promise<Readonly<Record<string, number>>> {
    return this.positions.lag((topic, partition) => this.assigned.get(topic)?.has(partition) === true);
  }

  health(): SubscriptionHealth {
    const held = [...this.assigned.values()].reduce((sum, partitions) => sum + partitions.size, 0);
    return this.attempts.health(held, performance.now() - this.answeredAtMs);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const timer of this.timers) clearTimeout(timer);
    await this.deadMembers?.close();
    await this.ready.catch(() => undefined);
    await this.consumer.disconnect();
    await this.tellRevoked(new Map(), this.assigned);
  }

  private async start(): Promise<void> {
    const { topics } = this.subscription;
    await this.consumer.connect();
    await this.positions.readEnds();
    await this.consumer.subscribe({ topics: [...topics], fromBeginning: true });
    const answered = (): void => void (this.answeredAtMs = performance.now());
    this.consumer.on('consumer.heartbeat', answered);
    this.consumer.on('consumer.fetch', answered);
    const joined = new Promise<void>((resolve, reject) => {
      this.consumer.on('consumer.group_join', ({ payload }) => {
        this.deadMembers?.joined(payload.memberId);
        this.assign(payload.memberAssignment);
        answered();
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
    await this.placing;
    if (this.mismatch) throw this.mismatch;
  }

  private assign(memberAssignment: Record<string, number[]>): void {
    this.generation += 1;
    const next = new Map(Object.entries(memberAssignment).map(([topic, partitions]) => [topic, new Set(partitions)]));
    this.positions.forget();
    const before = this.assigned;
    this.assigned = next;
    void this.tellRevoked(next, before);
    if (this.paused) this.holdAll();
    const places = [...next].flatMap(([topic, partitions]) =>
      [...partitions].map((partition) => ({ topic, partition })),
    );
    this.placing = Promise.all(places.map(({ topic, partition }) => this.placeNow(topic, partition, this.generation)));
  }

  /**
   * Goes to the consumer's own position at once. It may lie before the one the group committed, and then kafkajs, which waits at
   * the end of the log, would fetch nothing until somebody publishes.
   */
  private async placeNow(topic: string, partition: number, generation: number): Promise<void> {
    const current = (): boolean => !this.closed && generation === this.generation;
    try {
      const start = await this.positions.startOf(topic, partition);
      if (!current() || this.positions.reachedOf(topic, partition) !== undefined) return;
      this.attempts.ended(topic, partition);
      if (!this.subscription.positionOf) return;
      const isThere = await this.positions.isTheClients(topic, partition, start);
      if (!current() || this.positions.reachedOf(topic, partition) !== undefined) return;
      this.positions.moveTo(topic, partition, start);
      // Whoever goes somewhere throws away what was fetched meanwhile, up to 10 MB that were unpacked already.
      if (!isThere) this.consumer.seek({ topic, partition, offset: String(start) });
    } catch (error) {
      if (!current()) return;
      const retryInMs = this.attempts.failed({ topic, partition, offset: -1 }, error);
      if (error instanceof PositionMismatchError) this.mismatch ??= error;
      this.later(() => void this.placeNow(topic, partition, generation), Math.max(PLACE_AGAIN_MS, retryInMs));
    }
  }

  private async tellRevoked(
    next: ReadonlyMap<string, Set<number>>,
    before: ReadonlyMap<string, Set<number>>,
  ): Promise<void> {
    for (const [topic, partitions] of before) {
      for (const partition of partitions) {
        if (next.get(topic)?.has(partition)) continue;
        this.attempts.ended(topic, partition);
        await this.subscription.onRevoked?.(topic, partition);
      }
    }
  }

  /** Takes one fetched batch; whatever happens, nothing is thrown but what kafkajs itself has to hear (a lost membership). */
  private async take(payload: EachBatchPayload): Promise<void> {
    const { topic, partition } = payload.batch;
    const { generation } = this;
    const gone = (): boolean => !payload.isRunning() || payload.isStale() || generation !== this.generation;
    if (this.paused) return this.hold(topic, partition);
    const beats = setInterval(
      () => void payload.heartbeat().catch(() => undefined),
      Math.floor(this.options.sessionTimeoutMs / 4),
    );
    const startedAt = performance.now();
    try {
      if (!(await this.startsHere(payload))) return;
      if (!(await this.handleChunks(payload, gone))) return;
      await payload.commitOffsetsIfNecessary();
      await payload.heartbeat();
      const { lingerMs = 0 } = this.subscription;
      if (lingerMs > 0) this.later(payload.pause(), lingerMs - (performance.now() - startedAt));
    } catch (error) {
      if (isMembershipError(error)) throw error;
      if (gone()) return;
      this.retry(payload, error);
    } finally {
      clearInterval(beats);
    }
  }

  /** False when the fetched records are not the ones the partition has to start with: the right ones are fetched then. */
  private async startsHere({ batch }: EachBatchPayload): Promise<boolean> {
    const { topic, partition } = batch;
    const reached = this.positions.reachedOf(topic, partition);
    // The client goes to the beginning by itself where the log no longer has what it was to read: whether that is right is judged here.
    const { fetchedOffset } = batch as typeof batch & { readonly fetchedOffset: string };
    if (reached !== undefined && Number(fetchedOffset) < reached) this.positions.forgetPlace(topic, partition);
    const start = await this.positions.startOf(topic, partition);
    if (this.positions.reachedOf(topic, partition) !== undefined) return true;
    this.positions.moveTo(topic, partition, start);
    const first = Number(batch.messages[0]?.offset ?? start);
    if (first >= start && (!this.subscription.positionOf || first === start)) return true;
    this.consumer.seek({ topic, partition, offset: String(start) });
    return false;
  }

  /** Hands the fetched records over in batches. False when the partition was paused or taken away before the last one. */
  private async handleChunks(payload: EachBatchPayload, gone: () => boolean): Promise<boolean> {
    const { messages } = payload.batch;
    const { maxBatchSize = DEFAULT_BATCH } = this.subscription;
    for (let from = 0; from < messages.length; from += maxBatchSize) {
      const chunk = messages.slice(from, from + maxBatchSize);
      const log = await this.positions.logOf(payload.batch.topic);
      if (!(await inTurn(() => this.handleChunk(payload, { chunk, log }, gone)))) return false;
    }
    return true;
  }

  private async handleChunk(
    payload: EachBatchPayload,
    { chunk, log }: { readonly chunk: readonly KafkaMessage[]; readonly log: string },
    gone: () => boolean,
  ): Promise<boolean> {
    const { topic, partition } = payload.batch;
    if (gone()) return false;
    if (this.paused) {
      this.hold(topic, partition);
      return false;
    }
    const records = chunk.map((message) => incomingRecord(topic, partition, message));
    const nextOffset = records.at(-1)!.offset + 1;
    const heartbeat = async (handledTo?: number): Promise<void> => {
      if (gone()) return;
      const isFurther = handledTo !== undefined && handledTo > (this.positions.reachedOf(topic, partition) ?? 0);
      this.attempts.alive(topic, partition, isFurther);
      if (isFurther) this.reach(payload, handledTo);
      await payload.commitOffsetsIfNecessary().catch(() => undefined);
      await payload.heartbeat().catch(() => undefined);
    };
    this.attempts.began(topic, partition);
    await this.subscription.handler({
      topic,
      partition,
      log,
      records,
      isUnshared: true,
      nextOffset,
      heartbeat,
      isStale: gone,
    });
    if (gone()) return false;
    this.moveTo(payload, nextOffset);
    return true;
  }

  private moveTo(payload: EachBatchPayload, nextOffset: number): void {
    this.reach(payload, nextOffset);
    this.attempts.ended(payload.batch.topic, payload.batch.partition);
  }

  private reach({ batch, resolveOffset }: EachBatchPayload, nextOffset: number): void {
    resolveOffset(String(nextOffset - 1));
    this.positions.moveTo(batch.topic, batch.partition, nextOffset);
  }

  private retry(payload: EachBatchPayload, error: unknown): void {
    const { topic, partition, messages } = payload.batch;
    const before = this.positions.reachedOf(topic, partition) ?? Number(messages[0]?.offset ?? 0);
    const isPartlyHandled = error instanceof PartlyHandledError && error.nextOffset > before;
    if (isPartlyHandled) this.moveTo(payload, error.nextOffset);
    const offset = isPartlyHandled ? error.nextOffset : before;
    const retryInMs = this.attempts.failed({ topic, partition, offset }, error);
    this.consumer.seek({ topic, partition, offset: String(offset) });
    this.later(payload.pause(), retryInMs);
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
