/** A record as it is published: bytes with a key; the key decides the partition. */
export interface OutgoingRecord {
  readonly topic: string;
  readonly key: string | Buffer | null;
  readonly headers: Readonly<Record<string, string | Buffer>>;
  readonly value: Buffer | null;
}

/** A record as it was received: exactly the bytes that were published, and where they lie. */
export interface IncomingRecord {
  readonly topic: string;
  readonly partition: number;
  /** Position in the partition; grows, gaps are possible. */
  readonly offset: number;
  readonly key: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | undefined>>;
  readonly value: Buffer | null;
  /** When the carrier took the record, milliseconds since the epoch. */
  readonly timestampMs: number;
}

/** A position that a consumer keeps itself. */
export interface KeptPosition {
  /** The offset to read next, or where an operator wants it to go on. */
  readonly offset: number | 'earliest' | 'latest';
  /** `RecordBatch.log` of what was read before it; null where that is not known. */
  readonly log: string | null;
}

/** Records of one partition in order. */
export interface RecordBatch {
  readonly topic: string;
  readonly partition: number;
  /** Names the log that offsets belong to: another one after the topic, the broker or the database was made anew, and on another carrier. */
  readonly log: string;
  readonly records: readonly IncomingRecord[];
  /** No other subscription is handed the same objects: what is read of them is not kept for others. */
  readonly isUnshared?: true;
  /** Offset that follows the last record: the position to continue from. */
  readonly nextOffset: number;
  /**
   * Says that the handler is alive; call it between chunks of long work, else it counts as hung after a while.
   * @param handledTo the offset up to which everything is handled for good: what is repeated, here or elsewhere, begins there
   */
  heartbeat(handledTo?: number): Promise<void>;
  /** True once the partition has been taken away: stop, and write nothing more. */
  isStale(): boolean;
}

/**
 * Handles one batch. Returning means "processed, move on"; throwing means "again", after a growing pause,
 * while other partitions go on; a `PartlyHandledError` says from where. What can never be processed must not throw: see `deadLetter`.
 */
export type BatchHandler = (batch: RecordBatch) => Promise<void>;

/** A batch failed, but not from its start: the position moves to `nextOffset`, and what is tried again begins there. */
export class PartlyHandledError extends Error {
  override readonly name = 'PartlyHandledError';

  constructor(
    /** The offset after the last record that needs no repetition. */
    readonly nextOffset: number,
    override readonly cause: unknown,
  ) {
    super((cause as Error).message);
  }
}

/** Knows of the members of a group which ones live, and knows it sooner than a carrier that waits for their silence to last. */
export interface MemberWitness {
  /** This process is that member, for as long as it lives. Repeated calls change nothing. @throws where that can't be noted now */
  enter(member: string): Promise<void>;
  /** @returns those that do not live, or have not entered yet. @throws where that is not known now */
  missing(members: readonly string[]): Promise<readonly string[]>;
}

export interface SubscriptionOptions {
  /** Consumer group, exactly as it appears on the broker. Members of one group share the partitions; groups are independent. */
  readonly group: string;
  readonly topics: readonly string[];
  readonly handler: BatchHandler;
  /**
   * Whether the group comes back: then records that it has not read are kept longer than others. Default true. A group that is made up for one process
   * starts over (see `startFrom`) where its position is none of the log.
   */
  readonly isLasting?: boolean;
  /**
   * Where a partition without a committed position starts. `latest` sees only what is published after the subscription is ready.
   * Default `earliest`.
   */
  readonly startFrom?: 'earliest' | 'latest';
  /**
   * Positions the consumer keeps itself, in one transaction with its own facts. When given, the carrier asks it at every
   * assignment of a partition and commits nothing of its own that matters; undefined falls back to `startFrom`. The records handed
   * to the handler then start exactly there, whatever the group committed before. A position of another log, or outside of what this one has,
   * stops the partition: see {@link PositionMismatchError}.
   */
  readonly positionOf?: (topic: string, partition: number) => Promise<KeptPosition | number | undefined>;
  /** Largest batch. Default 500. */
  readonly maxBatchSize?: number;
  /**
   * Least time between the starts of two batches of one partition, milliseconds. Default 0: every record at once. A handler that
   * writes a transaction per batch sets 50–500, so that its cost does not grow with the number of small batches.
   */
  readonly lingerMs?: number;
  /** Called when partitions come or go, e.g. to drop state that now belongs to another member. */
  readonly onAssigned?: (topic: string, partition: number) => Promise<void>;
  readonly onRevoked?: (topic: string, partition: number) => Promise<void>;
  /**
   * By whose word members sign those off that have died, on a carrier that would wait for the session time-out. All members of the group need the same.
   */
  readonly witness?: MemberWitness;
}

export interface Subscription {
  /**
   * Resolves when the first assignment is complete and records published from now on will be seen. Rejects with a {@link PositionMismatchError} where
   * a partition can't go on; the others are consumed all the same, and it is looked again every few seconds.
   */
  readonly ready: Promise<void>;
  /** Back-pressure: no new batch starts until `resume`. */
  pause(): void;
  resume(): void;
  /** Records published but not yet handled by this member's partitions, by topic. */
  lag(): Promise<Readonly<Record<string, number>>>;
  /** How the consumption is doing, without asking the carrier. */
  health(): SubscriptionHealth;
  /** Lets the running batches end, commits, and leaves the group. */
  close(): Promise<void>;
}

/** An attempt to handle a batch that failed, and the first offset of that batch. */
export interface FailedAttempt {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
}

/** Figures a health check judges: each service knows its own limits. A subscription that is doing well has zeros in all but the first. */
export interface SubscriptionHealth {
  /** Partitions held now. 0 before the first assignment, and for good where a group has more members than partitions. */
  readonly partitions: number;
  /** Time since the carrier last answered, milliseconds: some hundred while it works, growing while it is away. 0 in memory. */
  readonly carrierSilentForMs: number;
  /** How long the longest attempt that runs now has lasted, of whichever partition, milliseconds; 0 while no handler runs. */
  readonly attemptForMs: number;
  /** How long a running attempt has shown no sign of life, neither its start nor a heartbeat, milliseconds: the longest; 0 while no handler runs. */
  readonly lifelessForMs: number;
  /** How long the partition with the most failed attempts has been at the same batch, milliseconds; 0 while none has failed. */
  readonly failingForMs: number;
  /** Failed attempts in a row, of the partition with the most. */
  readonly consecutiveFailures: number;
  /** What that partition failed with last. */
  readonly lastFailure: FailedAttempt | null;
}

export interface TopicSettings {
  readonly name: string;
  readonly partitions: number;
  readonly compacted: boolean;
}

/** Publishing to, or subscribing to, a topic that was never created. */
export class UnknownTopicError extends Error {
  override readonly name = 'UnknownTopicError';

  constructor(topic: string) {
    super(
      `topic "${topic}" does not exist on this bus; create it first with createTopics (ensureTopics creates all of them)`,
    );
  }
}

/** A group's position is none of the log that it would go on in: records would be read twice or left out without a word. */
export class PositionMismatchError extends Error {
  override readonly name = 'PositionMismatchError';
}

/**
 * The carrier will never take some of the records, whatever the time: one is larger than it allows, or holds what it can't keep. Publishing
 * them again changes nothing; each by itself tells which they are.
 */
export class RecordRefusedError extends Error {
  override readonly name = 'RecordRefusedError';
}

/** Two verbs over three carriers (in-memory, Postgres, Kafka): publish a batch, subscribe a group with a batch handler. */
export interface EventBus {
  readonly carrier: 'memory' | 'postgres' | 'kafka';
  /** Creates topics that do not exist yet; existing ones stay as they are. Idempotent, also between processes. */
  createTopics(topics: readonly TopicSettings[]): Promise<void>;
  /** How many partitions a topic has, whatever was wanted. @throws UnknownTopicError */
  partitionsOf(topic: string): Promise<number>;
  /**
   * Resolves when every record is durable. Order per key is the order of the calls.
   * @throws UnknownTopicError; RecordRefusedError; or the carrier's error, and then some of the records may be there: publishing again is safe
   * where consumers absorb repeats by the event's id.
   */
  publish(records: readonly OutgoingRecord[]): Promise<void>;
  subscribe(options: SubscriptionOptions): Subscription;
  /** The newest record per key of a compacted topic (or all records of any topic), read once to its present end, outside every group. */
  readAll(topic: string): Promise<readonly IncomingRecord[]>;
  /** Rejects when the carrier does not answer. */
  ping(): Promise<void>;
  /** Publishes what was handed over, closes the subscriptions and then the connections that the bus opened itself. */
  close(): Promise<void>;
}

/** The part of the bus that a service works with; it neither creates topics nor closes the bus. */
export type BusClient = Pick<EventBus, 'publish' | 'subscribe' | 'readAll'>;
