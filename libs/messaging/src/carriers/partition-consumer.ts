import { PartlyHandledError, type BatchHandler, type IncomingRecord } from '../event-bus.js';
import type { Attempts } from './attempts.js';
import { inTurn } from './handler-turns.js';

/** Where the records of one partition come from. */
export interface PartitionSource {
  /** At most `max` records from `position` on, in order; without records, `nextOffset` beyond `position` says that there is a gap. */
  read(
    position: number,
    max: number,
  ): Promise<{ readonly records: readonly IncomingRecord[]; readonly nextOffset: number }>;
  /** Resolves when there may be something to read at `position`, or when `cancelled` is aborted. */
  waitFor(position: number, cancelled: AbortSignal): Promise<void>;
}

export interface PartitionConsumerOptions {
  readonly topic: string;
  readonly partition: number;
  readonly log: string;
  readonly position: number;
  readonly source: PartitionSource;
  readonly handler: BatchHandler;
  readonly maxBatchSize: number;
  readonly lingerMs: number;
  readonly onProgress: (nextOffset: number) => void;
  readonly attempts: Attempts;
}

/**
 * The loop that every carrier runs for every partition it holds: read, handle, move on; a failing batch is tried again after a
 * growing pause. Partitions are independent: none waits for another.
 */
export class PartitionConsumer {
  private readonly stopping = new AbortController();
  private readonly stopped: Promise<void>;
  private stale = false;
  private reachedOffset: number;
  private gate: { readonly open: Promise<void>; readonly release: () => void } | undefined;

  constructor(private readonly options: PartitionConsumerOptions) {
    this.reachedOffset = options.position;
    // The owner decides whether to start paused, before the first read.
    this.stopped = Promise.resolve().then(() => this.run());
  }

  /** The offset that follows the last handled record. */
  get position(): number {
    return this.reachedOffset;
  }

  pause(): void {
    if (this.gate) return;
    let release!: () => void;
    const open = new Promise<void>((resolve) => (release = resolve));
    this.gate = { open, release };
  }

  resume(): void {
    this.gate?.release();
    this.gate = undefined;
  }

  /** No new batch starts; resolves when the running one has ended. */
  stop(): Promise<void> {
    this.stopping.abort();
    this.resume();
    return this.stopped;
  }

  /** The partition belongs to somebody else already: the running batch learns it by `isStale`, and its end moves nothing. */
  abandon(): Promise<void> {
    this.stale = true;
    return this.stop();
  }

  private async run(): Promise<void> {
    const { topic, partition, source, attempts } = this.options;
    let nextStartMs = 0;
    while (!this.stopping.signal.aborted) {
      await this.untilAllowed(nextStartMs);
      if (this.stopping.signal.aborted) break;
      const startedMs = performance.now();
      const next = await this.advance();
      if (next === 'handled') nextStartMs = startedMs + this.options.lingerMs;
      if (next === 'at-the-end') {
        attempts.ended(topic, partition);
        await source.waitFor(this.reachedOffset, this.stopping.signal);
      }
    }
    attempts.ended(topic, partition);
  }

  /** Waits while paused, and for the linger time since the last batch. */
  private async untilAllowed(startMs: number): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const waitMs = startMs - performance.now();
      if (this.gate) await this.gate.open;
      else if (waitMs > 0) await pause(waitMs, this.stopping.signal);
      else return;
    }
  }

  /** One step: reads from the position reached, handles what was read, moves on. What fails is read again after a growing pause. */
  private async advance(): Promise<'handled' | 'at-the-end' | 'nothing'> {
    const { topic, partition, source, maxBatchSize, attempts } = this.options;
    try {
      const { records, nextOffset } = await source.read(this.reachedOffset, maxBatchSize);
      return await (records.length === 0 ? this.skipTo(nextOffset) : inTurn(() => this.take(records, nextOffset)));
    } catch (error) {
      if (error instanceof PartlyHandledError && error.nextOffset > this.reachedOffset && !this.stale) {
        this.moveTo(error.nextOffset);
      }
      if (this.stopping.signal.aborted) return 'nothing';
      const retryInMs = attempts.failed({ topic, partition, offset: this.reachedOffset }, error);
      await pause(retryInMs, this.stopping.signal);
      return 'nothing';
    }
  }

  private async take(records: readonly IncomingRecord[], nextOffset: number): Promise<'handled' | 'nothing'> {
    const { topic, partition, attempts } = this.options;
    // Paused or stopped while reading: the batch is read again after `resume`.
    if (this.stopping.signal.aborted || this.gate) return 'nothing';
    attempts.began(topic, partition);
    await this.handle(records, nextOffset);
    if (this.stale) return 'nothing';
    this.moveTo(nextOffset);
    return 'handled';
  }

  /** Behind a gap, where there is one. */
  private skipTo(nextOffset: number): 'at-the-end' | 'nothing' {
    if (this.stopping.signal.aborted) return 'nothing';
    if (nextOffset <= this.reachedOffset) return 'at-the-end';
    if (!this.stale) this.moveTo(nextOffset);
    return 'nothing';
  }

  private moveTo(nextOffset: number): void {
    const { topic, partition, attempts, onProgress } = this.options;
    attempts.ended(topic, partition);
    this.reachedOffset = nextOffset;
    onProgress(nextOffset);
  }

  /** A sign of life of the running batch; what it is done with is not read again. */
  private heard(handledTo: number | undefined): void {
    const { topic, partition, attempts, onProgress } = this.options;
    if (this.stale) return;
    const isFurther = handledTo !== undefined && handledTo > this.reachedOffset;
    attempts.alive(topic, partition, isFurther);
    if (!isFurther) return;
    this.reachedOffset = handledTo;
    onProgress(handledTo);
  }

  private handle(records: readonly IncomingRecord[], nextOffset: number): Promise<void> {
    const { topic, partition, log, handler } = this.options;
    return handler({
      topic,
      partition,
      log,
      records,
      nextOffset,
      heartbeat: (handledTo) => {
        this.heard(handledTo);
        return Promise.resolve();
      },
      isStale: () => this.stale,
    });
  }
}

/** Resolves after `ms` or when cancelled, whichever is first. */
export function pause(ms: number, cancelled: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (cancelled.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      cancelled.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    cancelled.addEventListener('abort', done);
  });
}
