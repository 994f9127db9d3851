import { KeysAside, publishBatch, RETRY_AFTER_MS, type BatchOptions } from './publish-batch.js';

/** Publishes what the outbox has for one topic, one batch after the other: woken, and by itself where a key has to be tried again. */
export class OutboxLane {
  private readonly aside = new KeysAside();
  private isWanted = false;
  private isClosed = false;
  private running: Promise<void> | undefined;
  private retry: NodeJS.Timeout | undefined;

  constructor(private readonly options: Omit<BatchOptions, 'aside'>) {}

  wake(): void {
    this.isWanted = true;
    if (this.isClosed || this.running) return;
    this.running = this.drain()
      .catch((error: Error) => {
        if (this.isClosed) return;
        this.options.onError(error);
        this.wakeIn(RETRY_AFTER_MS);
      })
      .finally(() => {
        this.running = undefined;
        // Woken between the last look and here: nobody else would look before the next poll.
        if (this.isWanted && !this.isClosed) this.wake();
      });
  }

  /** Resolves after the attempt under way. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.retry);
    await this.running;
  }

  private async drain(): Promise<void> {
    const { options, aside } = this;
    while (this.isWanted && !this.isClosed) {
      this.isWanted = false;
      while (!this.isClosed && (await publishBatch({ ...options, aside })) > 0);
    }
    const nextInMs = aside.nextInMs();
    if (nextInMs !== undefined) this.wakeIn(nextInMs);
  }

  private wakeIn(delayMs: number): void {
    clearTimeout(this.retry);
    if (!this.isClosed) this.retry = setTimeout(() => this.wake(), delayMs);
  }
}
