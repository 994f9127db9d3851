import type { BatchHandler, IncomingRecord } from '../event-bus.js';

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
  readonly position: number;
  readonly source: PartitionSource;
  readonly handler: BatchHandler;
  readonly maxBatchSize: number;
  readonly lingerMs: number;
  readonly onProgress: (nextOffset: number) => void;
  readonly onFailure: (failure: HandlerFailure) => void;
}

export interface HandlerFailure {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly attempt: number;
  readonly retryInMs: number;
  readonly error: unknown;
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;

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
    const { source, maxBatchSize, lingerMs } = this.options;
    let nextStartMs = 0;
    while (!this.stopping.signal.aborted) {
      if (this.gate) {
        await this.gate.open;
        continue;
      }
      const waitMs = nextStartMs - performance.now();
      if (waitMs > 0) {
        await pause(waitMs, this.stopping.signal);
        continue;
      }
      const { records, nextOffset } = await this.readUntilItWorks(source, maxBatchSize);
      if (this.stopping.signal.aborted) return;
      if (records.length > 0) {
        // Paused while reading: the batch is read again after `resume`.
        if (this.gate) continue;
        if (lingerMs > 0) nextStartMs = performance.now() + lingerMs;
        if (!(await this.handleUntilItWorks(records, nextOffset))) return;
        this.moveTo(nextOffset);
      } else if (nextOffset > this.reachedOffset) {
        this.moveTo(nextOffset);
      } else {
        await source.waitFor(this.reachedOffset, this.stopping.signal);
      }
    }
  }

  private moveTo(nextOffset: number): void {
    if (this.stale) return;
    this.reachedOffset = nextOffset;
    this.options.onProgress(nextOffset);
  }

  private async readUntilItWorks(
    source: PartitionSource,
    max: number,
  ): Promise<{ readonly records: readonly IncomingRecord[]; readonly nextOffset: number }> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await source.read(this.reachedOffset, max);
      } catch (error) {
        if (!(await this.failed(this.reachedOffset, attempt, error))) return { records: [], nextOffset: 0 };
      }
    }
  }

  /** False when the partition was taken away before the batch could be handled. */
  private async handleUntilItWorks(records: readonly IncomingRecord[], nextOffset: number): Promise<boolean> {
    const { topic, partition, handler } = this.options;
    const batch = {
      topic,
      partition,
      records,
      nextOffset,
      heartbeat: () => Promise.resolve(),
      isStale: () => this.stale,
    };
    for (let attempt = 1; ; attempt++) {
      try {
        await handler(batch);
        return !this.stale;
      } catch (error) {
        if (!(await this.failed(records[0]!.offset, attempt, error))) return false;
      }
    }
  }

  /** Waits before the next attempt; false when there must be none. */
  private async failed(offset: number, attempt: number, error: unknown): Promise<boolean> {
    if (this.stopping.signal.aborted) return false;
    const { topic, partition, onFailure } = this.options;
    const retryInMs = Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), LONGEST_RETRY_MS);
    onFailure({ topic, partition, offset, attempt, retryInMs, error });
    await pause(retryInMs, this.stopping.signal);
    return !this.stopping.signal.aborted;
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
