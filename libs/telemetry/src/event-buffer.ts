import { encodeEvent, type EncodedEvent, type TeststripEvent } from '#libs/contracts';
import { EventSpool, type SpoolOptions } from './event-spool.js';
import { within } from './within.js';

/** Publishes a batch and resolves when every record is durable: `EventBus.publish`. */
export type Publish = (records: readonly EncodedEvent[]) => Promise<void>;

/** Some of a batch will never be taken; all others are durable. */
export class EventsRefusedError extends Error {
  override readonly name = 'EventsRefusedError';

  constructor(readonly refused: readonly { readonly id: string; readonly why: string }[]) {
    super(`${refused.length} events are refused: ${refused[0]?.why}`);
  }
}

export interface EventBufferOptions {
  readonly publish: Publish;
  /** Longest time an event waits for company. Default 5 ms. */
  readonly maxDelayMs?: number;
  /** Largest batch; a full one is published at once. Default 500 events. */
  readonly maxBatch?: number;
  /** Events kept in memory while the bus is away; beyond them the oldest go to the spool, or are dropped and counted. Default 50 000. */
  readonly maxQueued?: number;
  /** Where events go that there is no room for in memory, or that are left at the end. Default: nowhere. */
  readonly spool?: SpoolOptions | undefined;
  /** Pause before a failed batch is tried again; doubles up to 5 s. Default 100 ms. */
  readonly retryAfterMs?: number;
  /** How long a publish may be under way before that is said. Default 2 s. */
  readonly slowAfterMs?: number;
  /** How long one may be before it counts as failed. The bus itself gives up earlier. Default 2 minutes. */
  readonly answerWithinMs?: number;
  /** How long `close` waits for the bus before it gives the rest up. Default 5 s. */
  readonly closeWithinMs?: number;
  /** Hears of every failed attempt, of a publish that does not return, and of the first drop of a series; for the log. */
  readonly onTrouble?: (message: string) => void;
}

/** What became of the events: `added` = `published` + `dropped` + `queued` + `spooled`. */
export interface EventBufferStatus {
  /** With those that an earlier process has left in the spool. */
  readonly added: number;
  readonly published: number;
  readonly dropped: number;
  /** In memory. */
  readonly queued: number;
  /** On the disk. */
  readonly spooled: number;
  readonly failedAttempts: number;
  /** How long the publish that is under way has been, milliseconds; 0: none is. */
  readonly publishingForMs: number;
}

/**
 * Collects events for a few milliseconds and publishes them in batches, one batch at a time and in the order of `add`, so the
 * order per key is kept. Adding never waits and never throws: whoever serves a user's request pays a push to an array.
 * A batch that fails is tried again until it succeeds (repeats carry the same event ids); the queue is bounded. An event that the bus says it will
 * never take is dropped alone.
 */
export interface EventBuffer {
  /** False: the buffer is closed, or has no room but for the batch under way, and the event was dropped (and counted). */
  add(event: TeststripEvent): boolean;
  /** Publishes what is queued now without waiting for company. Resolves when it is durable; rejects with the first failed attempt. */
  flush(): Promise<void>;
  status(): EventBufferStatus;
  /** Publishes the rest, for at most `closeWithinMs`; what can't be published by then goes to the spool, or is counted as dropped. */
  close(): Promise<void>;
}

const LONGEST_PAUSE_MS = 5_000;

/** @throws where there is to be a spool and its folder can't be made */
export function createEventBuffer(options: EventBufferOptions): EventBuffer {
  return new BoundedEventBuffer(options);
}

/** What is published next, and again until it is. */
interface Batch {
  readonly events: readonly TeststripEvent[];
  readonly isSpooled: boolean;
}

class BoundedEventBuffer implements EventBuffer {
  private readonly maxDelayMs: number;
  private readonly maxBatch: number;
  private readonly maxQueued: number;
  private readonly retryAfterMs: number;
  private readonly closeWithinMs: number;
  private readonly spool: EventSpool | undefined;
  /** Younger than the batch and than everything in the spool. */
  private readonly queue = new Line<TeststripEvent>();
  private batch: Batch | undefined;
  /** On their way to the disk. */
  private spooling: readonly TeststripEvent[] = [];
  private spooled: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private publishing: Promise<void> | undefined;
  private publishingSinceMs: number | undefined;
  private pauseMs: number;
  private pausedUntilRetry = false;
  private closed = false;
  private ended = false;
  private dropping = false;
  private counts = { added: 0, published: 0, dropped: 0, failedAttempts: 0 };

  constructor(private readonly options: EventBufferOptions) {
    this.maxDelayMs = options.maxDelayMs ?? 5;
    this.maxBatch = options.maxBatch ?? 500;
    this.maxQueued = options.maxQueued ?? 50_000;
    this.retryAfterMs = options.retryAfterMs ?? 100;
    this.closeWithinMs = options.closeWithinMs ?? 5_000;
    this.pauseMs = this.retryAfterMs;
    this.spool = options.spool && new EventSpool(options.spool, (events) => this.drop(events, 'the spool is full'));
    this.counts.added = this.spool?.events ?? 0;
    this.schedule();
  }

  add(event: TeststripEvent): boolean {
    this.counts.added += 1;
    if (this.closed) {
      this.drop(1, 'the buffer is closed');
      return false;
    }
    if (this.inMemory >= this.maxQueued) {
      if (!this.makeRoom()) return false;
    } else this.dropping = false;
    this.queue.push(event);
    this.schedule();
    return true;
  }

  async flush(): Promise<void> {
    while (this.hasMore || this.publishing) await this.publishAll();
  }

  status(): EventBufferStatus {
    const { publishingSinceMs } = this;
    return {
      ...this.counts,
      queued: this.inMemory + this.spooling.length,
      spooled: this.spool?.events ?? 0,
      publishingForMs: publishingSinceMs === undefined ? 0 : performance.now() - publishingSinceMs,
    };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const deadline = performance.now() + this.closeWithinMs;
    let waitMs = this.closeWithinMs;
    while (waitMs > 0 && (this.hasMore || this.publishing)) {
      const attempt = this.publishAll().catch(() => pause(Math.min(this.retryAfterMs, waitMs)));
      await within(waitMs, attempt).catch(() => undefined);
      waitMs = deadline - performance.now();
    }
    clearTimeout(this.timer);
    this.ended = true;
    await this.keepRest();
  }

  /** Events in memory that are on no way to the disk. */
  private get inMemory(): number {
    return this.queue.length + (this.batch && !this.batch.isSpooled ? this.batch.events.length : 0);
  }

  private get hasMore(): boolean {
    return (
      this.queue.length > 0 || this.batch !== undefined || this.spooling.length > 0 || this.spool?.isEmpty === false
    );
  }

  /** For one more event. False: the new one is dropped, because all others are under way. */
  private makeRoom(): boolean {
    if (this.spool && this.spooling.length === 0 && this.queue.length > 0) {
      this.spooling = this.queue.take(this.maxBatch);
      this.spooled = this.write(this.spool, this.spooling);
      return true;
    }
    const [oldest] = this.queue.take(1);
    this.drop(1, `the queue is full (${this.maxQueued} events)`);
    return oldest !== undefined;
  }

  private async write(spool: EventSpool, events: readonly TeststripEvent[]): Promise<void> {
    try {
      await spool.append(events);
    } catch (error) {
      this.drop(events.length, `the spool can't be written (${(error as Error).message})`);
    }
    this.spooling = [];
    this.schedule();
  }

  /** At the end: what is older than the spool goes before it. */
  private async keepRest(): Promise<void> {
    await this.spooled;
    const unsent = this.batch && !this.batch.isSpooled ? this.batch.events : [];
    this.batch = undefined;
    const { spool } = this;
    if (spool) {
      try {
        if (unsent.length > 0) await spool.prepend(unsent);
        while (this.queue.length > 0) await spool.append(this.queue.take(this.maxBatch));
        return;
      } catch (error) {
        this.options.onTrouble?.(`the spool can't be written: ${(error as Error).message}`);
      }
    }
    const rest = unsent.length + this.queue.take(this.queue.length).length;
    if (rest > 0) this.drop(rest, 'the buffer is closed');
  }

  /** Publishes until nothing is left. Concurrent callers share the one run, which keeps batches in order. */
  private publishAll(): Promise<void> {
    this.publishing ??= this.drain().finally(() => {
      this.publishing = undefined;
      // What was added after the run saw an empty queue found it still running and started nothing.
      this.schedule();
    });
    return this.publishing;
  }

  /** Sees to it that what is queued gets published: at once when a batch is full, else when it has waited for company. */
  private schedule(): void {
    if (!this.hasMore || this.closed || this.publishing || this.pausedUntilRetry) return;
    if (this.queue.length >= this.maxBatch) void this.publishAll().catch(ignoreReported);
    else this.timer ??= setTimeout(() => void this.publishAll().catch(ignoreReported), this.maxDelayMs);
  }

  private async drain(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.pausedUntilRetry = false;
    for (let batch = await this.next(); batch; batch = await this.next()) {
      let refused: number;
      try {
        refused = await this.send(batch.events.map(encodeEvent));
      } catch (error) {
        this.retryLater(error as Error, batch.events.length);
        throw error;
      }
      // `close` has given the batch up (and kept or counted it) while the bus was still at it.
      if (this.ended) return;
      this.batch = undefined;
      if (batch.isSpooled) await this.spool?.removeFirst();
      this.counts.published += batch.events.length - refused;
      this.counts.dropped += refused;
      this.pauseMs = this.retryAfterMs;
    }
  }

  /** The oldest events: those that failed, then those on the disk, then those in memory. */
  private async next(): Promise<Batch | undefined> {
    if (this.ended || this.batch) return this.batch;
    if (this.spool) {
      await this.spooled;
      const events = await this.firstSpooled(this.spool);
      if (events) return (this.batch = { events, isSpooled: true });
    }
    if (this.queue.length > 0) this.batch = { events: this.queue.take(this.maxBatch), isSpooled: false };
    return this.batch;
  }

  private async firstSpooled(spool: EventSpool): Promise<readonly TeststripEvent[] | undefined> {
    for (;;) {
      try {
        return await spool.first();
      } catch (error) {
        this.drop(await spool.removeFirst(), `the spool can't be read (${(error as Error).message})`);
      }
    }
  }

  /** @returns how many the bus will never take; the others are published */
  private async send(records: readonly EncodedEvent[]): Promise<number> {
    try {
      await this.publish(records);
      return 0;
    } catch (error) {
      if (error instanceof EventsRefusedError) {
        this.tellRefused(error);
        return error.refused.length;
      }
      if (!isRefusal(error)) throw error;
      if (records.length === 1) {
        this.options.onTrouble?.(`an event is dropped: ${error.message} (id ${records[0]?.headers['ce_id']})`);
        return 1;
      }
    }
    let refused = 0;
    for (const record of records) refused += await this.send([record]);
    return refused;
  }

  /** The first is enough to find out what is wrong with all. */
  private tellRefused({ refused: [first, ...others] }: EventsRefusedError): void {
    if (!first) return;
    const more = others.length === 0 ? '' : `, and ${others.length} more`;
    this.options.onTrouble?.(`an event is dropped: ${first.why} (id ${first.id})${more}`);
  }

  private async publish(records: readonly EncodedEvent[]): Promise<void> {
    const { onTrouble, slowAfterMs = 2_000, answerWithinMs = 120_000 } = this.options;
    const sinceMs = (this.publishingSinceMs = performance.now());
    let isTold = false;
    const slow = setTimeout(() => {
      isTold = true;
      onTrouble?.(
        `publishing ${records.length} events has not returned for ${slowAfterMs} ms; ${this.status().queued} are queued`,
      );
    }, slowAfterMs);
    try {
      await within(answerWithinMs, this.options.publish(records));
      if (isTold) onTrouble?.(`the publish has returned after ${Math.round(performance.now() - sinceMs)} ms`);
    } finally {
      clearTimeout(slow);
      this.publishingSinceMs = undefined;
    }
  }

  private retryLater(error: Error, events: number): void {
    this.counts.failedAttempts += 1;
    const nextMs = this.closed ? 0 : this.pauseMs;
    this.options.onTrouble?.(
      `publishing ${events} events failed (${error.message}); they stay queued, next attempt in ${nextMs} ms`,
    );
    if (this.closed) return;
    this.pausedUntilRetry = true;
    this.timer = setTimeout(() => void this.publishAll().catch(ignoreReported), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  private drop(events: number, why: string): void {
    this.counts.dropped += events;
    if (this.dropping || events === 0) return;
    this.dropping = true;
    this.options.onTrouble?.(`events are being dropped: ${why}`);
  }
}

/** First in, first out, also where hundreds of thousands wait. */
class Line<T> {
  private items: T[] = [];
  private taken = 0;

  get length(): number {
    return this.items.length - this.taken;
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** At most so many, the oldest first. */
  take(most: number): readonly T[] {
    const first = this.items.slice(this.taken, this.taken + most);
    this.taken += first.length;
    if (this.taken * 2 >= this.items.length) {
      this.items = this.items.slice(this.taken);
      this.taken = 0;
    }
    return first;
  }
}

/** `RecordRefusedError` of the bus, by its name: who embeds this library may publish by a client of their own. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && error.name === 'RecordRefusedError';
}

/** The failure was told to `onTrouble`, and the retry is on its timer. */
function ignoreReported(): void {}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, durationMs);
  });
}
