import { randomUUID } from 'node:crypto';
import type { TeststripEvent, TopicName } from '#libs/contracts';
import { within } from '#libs/telemetry';
import type { BusClient, KeptPosition, Subscription } from '../event-bus.js';
import type { OrderTrust } from '../signing/order-trust.js';
import { consumeEvents, type TopicHandler } from './consumer.js';
import { backOffMs } from './back-off.js';
import { DeadLetters, UnprocessableEventError } from './dead-letters.js';
import { decodeRecords } from './decode.js';

export interface LogFollowerOptions {
  readonly bus: BusClient;
  /** Who follows: names its dead letters, and begins the name of its groups. */
  readonly name: string;
  /** Which of several followers of that name; shows in the name of its group. */
  readonly member?: string;
  /** Compacted topics, read from their beginning and then followed. */
  readonly compacted: readonly TopicName[];
  /** Further topics, followed from the present on. */
  readonly live?: readonly TopicName[];
  /** Whose word counts on topics that are obeyed; what others say goes to the dead letters. Absent: everybody's. */
  readonly trust?: OrderTrust | undefined;
  /** How long one attempt to reach the bus may take, milliseconds. */
  readonly attemptMs: number;
  /** The logs are about to be read from their beginning: what is known of them may be forgotten. */
  readonly onLoading?: () => void;
  /** Takes one event. One that throws goes to the dead letters; the others go on. */
  readonly onEvent: (event: TeststripEvent) => void;
  /** Everything that was in the logs has been taken. */
  readonly onLoaded?: () => void;
  readonly onTrouble: (message: string) => void;
}

/** A bus that comes back is noticed within this time. */
const LONGEST_PAUSE_MS = 1_000;

/**
 * Follows compacted topics from their beginning and keeps following: for a process that needs the whole state they hold, and every
 * change. Each follower is a group of its own and keeps no place in the log.
 *
 * Nothing falls between the log as read and the log as followed: it first follows (from the present end), then reads, and what arrived
 * meanwhile is taken after what was read. Both may bring the same event, which must be harmless.
 */
export class LogFollower {
  private readonly positions = new Map<string, KeptPosition>();
  private readonly deadLetters: DeadLetters;
  private subscription: Subscription | undefined;
  private readonly loaded = defer();
  private closed = false;
  /** End the pauses that run now. */
  private readonly wakes = new Set<() => void>();
  private starting: Promise<boolean> | undefined;
  private retrying: Promise<void> | undefined;
  private rereading: Promise<void> | undefined;
  /** Something came back since the re-read that runs now began. */
  private isReadStale = false;

  constructor(private readonly options: LogFollowerOptions) {
    const { bus, name, onTrouble } = options;
    this.deadLetters = new DeadLetters({
      bus,
      group: name,
      readAll: (topic) => bus.readAll(topic),
      log: { warn: onTrouble },
    });
  }

  /** Resolves with true when everything is loaded; with false when the first attempt failed, which is then repeated until it succeeds. */
  start(): Promise<boolean> {
    return (this.starting = this.begin());
  }

  async close(): Promise<void> {
    this.closed = true;
    this.loaded.resolve();
    for (const wake of this.wakes) wake();
    await this.starting;
    await this.retrying;
    await this.rereading;
    await this.subscription?.close();
  }

  private async begin(): Promise<boolean> {
    if (await this.attempt()) return true;
    this.retrying = this.retry();
    return false;
  }

  private async retry(): Promise<void> {
    for (let attempt = 1; !this.closed; attempt++) {
      await this.pause(Math.min(backOffMs(attempt), LONGEST_PAUSE_MS));
      if (this.closed || (await this.attempt())) return;
    }
  }

  private async attempt(): Promise<boolean> {
    const { attemptMs, onLoading, onLoaded, onTrouble } = this.options;
    let subscription: Subscription | undefined;
    try {
      subscription = this.follow();
      await within(attemptMs, subscription.ready);
      const events = await within(attemptMs, this.read());
      onLoading?.();
      for (const take of events) take();
      onLoaded?.();
      this.subscription = subscription;
      this.loaded.resolve();
      return true;
    } catch (error) {
      onTrouble(`the event bus can't be read: ${(error as Error).message}`);
      void subscription?.close().catch(() => undefined);
      return false;
    }
  }

  private follow(): Subscription {
    const { bus, name, member, compacted, live = [], trust, onEvent } = this.options;
    const known = new Set<string>();
    const handler: TopicHandler = {
      takes: 'event',
      handle: async ({ event }, batch) => {
        await this.loaded.promise;
        if (this.closed) return;
        try {
          onEvent(event);
        } catch (error) {
          throw new UnprocessableEventError((error as Error).message, { cause: error });
        } finally {
          this.positions.set(place(batch.topic, batch.partition), { offset: batch.nextOffset, log: batch.log });
        }
      },
    };
    return consumeEvents({
      bus,
      group: [name, ...(member === undefined ? [] : [member]), randomUUID()].join('-'),
      handlers: new Map([...compacted, ...live].map((topic) => [topic, handler])),
      deadLetters: this.deadLetters,
      trust,
      startFrom: 'latest',
      isLasting: false,
      positionOf: (topic, partition) => Promise.resolve(this.positions.get(place(topic, partition))),
      onAssigned: (topic, partition) => {
        // A partition that comes back was away: what happened to it meanwhile is read again.
        if (known.has(place(topic, partition))) this.readAgain();
        known.add(place(topic, partition));
        return Promise.resolve();
      },
    });
  }

  /** Until it succeeds: what happened meanwhile is told by nothing else. Partitions that come back together share one re-read. */
  private readAgain(): void {
    this.isReadStale = true;
    this.rereading ??= this.untilReadAgain().finally(() => (this.rereading = undefined));
  }

  private async untilReadAgain(): Promise<void> {
    for (let failures = 0; this.isReadStale && !this.closed;) {
      this.isReadStale = false;
      try {
        const events = await within(this.options.attemptMs, this.read());
        if (this.closed) return;
        for (const take of events) take();
        failures = 0;
      } catch (error) {
        this.isReadStale = true;
        failures += 1;
        this.options.onTrouble(`the event bus can't be read again: ${(error as Error).message}`);
        await this.pause(Math.min(backOffMs(failures), LONGEST_PAUSE_MS));
      }
    }
  }

  /** The present state of the logs, one function per event that takes it in. */
  private async read(): Promise<readonly (() => void)[]> {
    const { bus, compacted, trust, onEvent } = this.options;
    const records = (await Promise.all(compacted.map((topic) => bus.readAll(topic)))).flat();
    const { events, malformed } = decodeRecords(records, trust);
    const bury = (dead: typeof malformed): void => {
      // The state is needed at once; a dead letter that can't be published is still in the log, for the next reader.
      this.deadLetters
        .bury(dead)
        .catch((error: Error) => this.options.onTrouble(`dead letters can't be published: ${error.message}`));
    };
    bury(malformed);
    return events.map(({ event, record }) => () => {
      try {
        onEvent(event);
      } catch (error) {
        bury([{ record, reason: (error as Error).message }]);
      }
    });
  }

  private pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.wakes.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, durationMs);
      this.wakes.add(wake);
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
