import { randomUUID } from 'node:crypto';
import { decodeEvent, MalformedEventError, topics, type TeststripEvent } from '#libs/contracts';
import type { BusClient, IncomingRecord, RecordBatch, Subscription } from '#libs/messaging';

export interface BusFeedOptions {
  readonly bus: BusClient;
  readonly routerId: string;
  /** How long one attempt to reach the bus may take. */
  readonly attemptMs: number;
  /** Takes the whole state read from the log. */
  readonly onLoaded: (events: readonly TeststripEvent[]) => void;
  /** Takes what came afterwards, in order. */
  readonly onEvent: (event: TeststripEvent) => void;
  readonly onTrouble: (message: string) => void;
}

const COMPACTED = [topics.experimentDefined.name, topics.allocationCommanded.name];
const FOLLOWED = [...COMPACTED, topics.controllerHeartbeat.name];
const LONGEST_PAUSE_MS = 5_000;

/**
 * Brings definitions, commands and heartbeats to one router. Every router has to see every command, so each one is a group of its own.
 * Nothing falls between the log as read and the log as followed: the router first follows (from the present end), then reads, and
 * what arrived meanwhile is taken in after what was read. Both may bring the same event; epochs make that harmless.
 */
export class BusFeed {
  private readonly positions = new Map<string, number>();
  private subscription: Subscription | undefined;
  private readonly loaded = defer();
  private closed = false;
  private wake: (() => void) | undefined;
  private retrying: Promise<void> | undefined;

  constructor(private readonly options: BusFeedOptions) {}

  /** Resolves with true when the state is loaded; with false when the first attempt failed, which is then repeated until it succeeds. */
  async start(): Promise<boolean> {
    if (await this.attempt()) return true;
    this.retrying = this.retry();
    return false;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.loaded.resolve();
    this.wake?.();
    await this.retrying;
    await this.subscription?.close();
  }

  private async retry(): Promise<void> {
    for (let pauseMs = 100; !this.closed; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      await this.pause(pauseMs);
      if (this.closed || (await this.attempt())) return;
    }
  }

  private async attempt(): Promise<boolean> {
    const { bus, attemptMs } = this.options;
    let subscription: Subscription | undefined;
    try {
      subscription = this.follow();
      await within(attemptMs, subscription.ready);
      this.options.onLoaded(await within(attemptMs, this.read(bus)));
      this.subscription = subscription;
      this.loaded.resolve();
      return true;
    } catch (error) {
      this.options.onTrouble(`the event bus can't be read: ${(error as Error).message}`);
      void subscription?.close().catch(() => undefined);
      return false;
    }
  }

  private follow(): Subscription {
    const { bus, routerId } = this.options;
    const known = new Set<string>();
    return bus.subscribe({
      // A fresh group at every start: a router keeps no place in the log, it reads the whole state.
      group: `router-${routerId}-${randomUUID()}`,
      topics: FOLLOWED,
      startFrom: 'latest',
      handler: (batch) => this.take(batch),
      positionOf: (topic, partition) => Promise.resolve(this.positions.get(place(topic, partition))),
      onAssigned: (topic, partition) => {
        // A partition that comes back was away: what happened to it meanwhile is read again.
        if (known.has(place(topic, partition))) this.readAgain();
        known.add(place(topic, partition));
        return Promise.resolve();
      },
    });
  }

  private async take(batch: RecordBatch): Promise<void> {
    await this.loaded.promise;
    if (this.closed) return;
    for (const record of batch.records) {
      const event = this.decode(record);
      if (event) this.options.onEvent(event);
    }
    this.positions.set(place(batch.topic, batch.partition), batch.nextOffset);
  }

  private readAgain(): void {
    this.read(this.options.bus).then(
      (events) => events.forEach((event) => this.options.onEvent(event)),
      (error: Error) => this.options.onTrouble(`the event bus can't be read again: ${error.message}`),
    );
  }

  private async read(bus: BusClient): Promise<readonly TeststripEvent[]> {
    const logs = await Promise.all(COMPACTED.map((topic) => bus.readAll(topic)));
    return logs.flat().flatMap((record) => this.decode(record) ?? []);
  }

  /** Dead letters are the work of the consumers that share the topic as one group; here a malformed record is said and passed over. */
  private decode(record: IncomingRecord): TeststripEvent | undefined {
    try {
      return decodeEvent(record);
    } catch (error) {
      if (!(error instanceof MalformedEventError)) throw error;
      const where = `${record.topic}/${record.partition}@${record.offset}`;
      this.options.onTrouble(`record ${where} is passed over: ${error.message}`);
      return undefined;
    }
  }

  private pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, durationMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function place(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

function defer(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let settled: (() => void) | undefined;
  const promise = new Promise<void>((resolve) => {
    settled = resolve;
  });
  return { promise, resolve: () => settled?.() };
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
