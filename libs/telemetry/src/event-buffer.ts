import { encodeEvent, type EncodedEvent, type TeststripEvent } from '#libs/contracts';

/** Publishes a batch and resolves when every record is durable: `EventBus.publish`. */
export type Publish = (records: readonly EncodedEvent[]) => Promise<void>;

export interface EventBufferOptions {
  readonly publish: Publish;
  /** Longest time an event waits for company. Default 5 ms. */
  readonly maxDelayMs?: number;
  /** Largest batch; a full one is published at once. Default 500 events. */
  readonly maxBatch?: number;
  /** Events kept while the bus is away; further ones are dropped and counted. Default 50 000. */
  readonly maxQueued?: number;
  /** Pause before a failed batch is tried again; doubles up to 5 s. Default 100 ms. */
  readonly retryAfterMs?: number;
  /** How long `close` waits for the bus before it gives the rest up. Default 5 s. */
  readonly closeWithinMs?: number;
  /** Hears of every failed attempt and of the first drop of a series; for the log. */
  readonly onTrouble?: (message: string) => void;
}

/** What became of the events: `added` = `published` + `dropped` + `queued`. */
export interface EventBufferStatus {
  readonly added: number;
  readonly published: number;
  readonly dropped: number;
  readonly queued: number;
  readonly failedAttempts: number;
}

/**
 * Collects events for a few milliseconds and publishes them in batches, one batch at a time and in the order of `add`, so the
 * order per key is kept. Adding never waits and never throws: whoever serves a user's request pays a push to an array.
 * A batch that fails is tried again until it succeeds (repeats carry the same event ids); the queue is bounded. An event that the bus says it will
 * never take is dropped alone.
 */
export interface EventBuffer {
  /** False: the queue was full or closed and the event was dropped (and counted). */
  add(event: TeststripEvent): boolean;
  /** Publishes what is queued now without waiting for company. Resolves when it is durable; rejects with the first failed attempt. */
  flush(): Promise<void>;
  status(): EventBufferStatus;
  /** Publishes the rest, for at most `closeWithinMs`; what can't be published by then is counted as dropped. */
  close(): Promise<void>;
}

const LONGEST_PAUSE_MS = 5_000;

export function createEventBuffer(options: EventBufferOptions): EventBuffer {
  return new BoundedEventBuffer(options);
}

class BoundedEventBuffer implements EventBuffer {
  private readonly maxDelayMs: number;
  private readonly maxBatch: number;
  private readonly maxQueued: number;
  private readonly retryAfterMs: number;
  private readonly closeWithinMs: number;
  private queue: TeststripEvent[] = [];
  private timer: NodeJS.Timeout | undefined;
  private publishing: Promise<void> | undefined;
  private pauseMs: number;
  private pausedUntilRetry = false;
  private closed = false;
  private dropping = false;
  private counts = { added: 0, published: 0, dropped: 0, failedAttempts: 0 };

  constructor(private readonly options: EventBufferOptions) {
    this.maxDelayMs = options.maxDelayMs ?? 5;
    this.maxBatch = options.maxBatch ?? 500;
    this.maxQueued = options.maxQueued ?? 50_000;
    this.retryAfterMs = options.retryAfterMs ?? 100;
    this.closeWithinMs = options.closeWithinMs ?? 5_000;
    this.pauseMs = this.retryAfterMs;
  }

  add(event: TeststripEvent): boolean {
    this.counts.added += 1;
    if (this.closed || this.queue.length >= this.maxQueued) {
      this.drop(1);
      return false;
    }
    this.dropping = false;
    this.queue.push(event);
    this.schedule();
    return true;
  }

  async flush(): Promise<void> {
    while (this.queue.length > 0 || this.publishing) await this.publishQueue();
  }

  status(): EventBufferStatus {
    return { ...this.counts, queued: this.queue.length };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const deadline = performance.now() + this.closeWithinMs;
    let waitMs = this.closeWithinMs;
    while (waitMs > 0 && (this.queue.length > 0 || this.publishing)) {
      await within(
        waitMs,
        this.publishQueue().catch(() => pause(Math.min(this.retryAfterMs, waitMs))),
      );
      waitMs = deadline - performance.now();
    }
    clearTimeout(this.timer);
    const rest = this.queue.length;
    this.queue = [];
    if (rest > 0) this.drop(rest);
  }

  /** Publishes until the queue is empty. Concurrent callers share the one run, which keeps batches in order. */
  private publishQueue(): Promise<void> {
    this.publishing ??= this.drain().finally(() => {
      this.publishing = undefined;
      // What was added after the run saw an empty queue found it still running and started nothing.
      this.schedule();
    });
    return this.publishing;
  }

  /** Sees to it that what is queued gets published: at once when a batch is full, else when it has waited for company. */
  private schedule(): void {
    if (this.queue.length === 0 || this.closed || this.publishing || this.pausedUntilRetry) return;
    if (this.queue.length >= this.maxBatch) void this.publishQueue().catch(ignoreReported);
    else this.timer ??= setTimeout(() => void this.publishQueue().catch(ignoreReported), this.maxDelayMs);
  }

  private async drain(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.pausedUntilRetry = false;
    while (this.queue.length > 0) {
      const batch = this.queue.slice(0, this.maxBatch);
      let refused: number;
      try {
        refused = await this.send(batch.map(encodeEvent));
      } catch (error) {
        this.retryLater(error as Error, batch.length);
        throw error;
      }
      // `close` may have given the batch up (and counted it as dropped) while the bus was still at it.
      const published = Math.min(batch.length, this.queue.length);
      this.queue = this.queue.slice(published);
      this.counts.published += Math.max(0, published - refused);
      this.counts.dropped += Math.min(published, refused);
      this.pauseMs = this.retryAfterMs;
    }
  }

  /** @returns how many the bus will never take; the others are published */
  private async send(records: readonly EncodedEvent[]): Promise<number> {
    try {
      await this.options.publish(records);
      return 0;
    } catch (error) {
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

  private retryLater(error: Error, events: number): void {
    this.counts.failedAttempts += 1;
    const nextMs = this.closed ? 0 : this.pauseMs;
    this.options.onTrouble?.(
      `publishing ${events} events failed (${error.message}); they stay queued, next attempt in ${nextMs} ms`,
    );
    if (this.closed) return;
    this.pausedUntilRetry = true;
    this.timer = setTimeout(() => void this.publishQueue().catch(ignoreReported), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  private drop(events: number): void {
    this.counts.dropped += events;
    if (this.dropping) return;
    this.dropping = true;
    const why = this.closed ? 'the buffer is closed' : `the queue is full (${this.maxQueued} events)`;
    this.options.onTrouble?.(`events are being dropped: ${why}`);
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

async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
