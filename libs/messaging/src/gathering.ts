/** How much something is, or may be. */
export interface Load {
  /** Records or events. */
  readonly count: number;
  readonly bytes: number;
}

export interface GatheringOptions<T> {
  /** Least time between the starts of two runs with little, milliseconds; the first after a pause begins at once. */
  readonly everyMs: number;
  /** The same where `enough` waits. Default 0: at once. */
  readonly soonMs?: number;
  /** A count that is company enough. */
  readonly enough: number;
  /** Most of one run; what is more by itself has one of its own. */
  readonly most: Load;
  readonly loadOf: (one: T) => Load;
  /** Handles the first of what waits. The next run begins when it resolves; it never rejects. */
  readonly run: (taken: readonly T[]) => Promise<void>;
}

interface Waiting<T> {
  readonly one: T;
  readonly load: Load;
}

/** Gathers what comes at about the same time: one run at a time takes it, in the order of the calls, and what comes meanwhile shares the next. */
export class Gathering<T> {
  private readonly waiting: Waiting<T>[] = [];
  private waitingCount = 0;
  private running: Promise<void> | undefined;
  private startedAtMs = -Infinity;
  /** Ends the wait for company. */
  private hurry: (() => void) | undefined;
  private isClosing = false;

  constructor(private readonly options: GatheringOptions<T>) {}

  add(one: T): void {
    const load = this.options.loadOf(one);
    this.waiting.push({ one, load });
    this.waitingCount += load.count;
    if (this.waitingCount >= this.options.enough) this.hurry?.();
    this.running ??= this.runAll();
  }

  /** Resolves when nothing waits any more; from now on nothing waits for company. */
  async drain(): Promise<void> {
    this.isClosing = true;
    this.hurry?.();
    await this.running;
  }

  private async runAll(): Promise<void> {
    // What comes in the same turn of the event loop belongs together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      await this.untilDue();
      this.startedAtMs = performance.now();
      await this.options.run(this.take());
    }
    // Not a moment later: what comes from now on has to start again.
    this.running = undefined;
  }

  private async untilDue(): Promise<void> {
    for (let earlyByMs = this.dueInMs(); earlyByMs > 0; earlyByMs = this.dueInMs()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, earlyByMs);
        this.hurry = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.hurry = undefined;
    }
  }

  private dueInMs(): number {
    const { everyMs, soonMs = 0, enough } = this.options;
    const isSoon = this.isClosing || this.waitingCount >= enough;
    return this.startedAtMs + (isSoon ? Math.min(soonMs, everyMs) : everyMs) - performance.now();
  }

  private take(): readonly T[] {
    const { most } = this.options;
    let count = 0;
    let bytes = 0;
    let taken = 0;
    for (const { load } of this.waiting) {
      count += load.count;
      bytes += load.bytes;
      if (taken > 0 && (count > most.count || bytes > most.bytes)) break;
      this.waitingCount -= load.count;
      taken++;
    }
    return this.waiting.splice(0, taken).map(({ one }) => one);
  }
}
