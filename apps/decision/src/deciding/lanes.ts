interface Waiting {
  readonly begin: () => Promise<void>;
}

/** Of one key: whether something is being done, and what waits. */
interface Lane {
  isBusy: boolean;
  readonly urgent: Waiting[];
  readonly others: Waiting[];
}

/**
 * Work by key: one after the other within a key, independent of all other keys. Urgent work overtakes what has not begun. A failure is the
 * caller's and stops nobody behind it.
 */
export class Lanes {
  private readonly lanes = new Map<string, Lane>();
  private readonly whenIdle: (() => void)[] = [];

  run<T>(key: string, work: () => Promise<T>, { urgent = false } = {}): Promise<T> {
    const lane = this.lanes.get(key) ?? { isBusy: false, urgent: [], others: [] };
    this.lanes.set(key, lane);
    return new Promise<T>((resolve, reject) => {
      const begin = (): Promise<void> => Promise.resolve().then(work).then(resolve, reject);
      (urgent ? lane.urgent : lane.others).push({ begin });
      this.next(key, lane);
    });
  }

  /** Resolves when all that was begun and all that waits has ended, well or not. */
  async idle(): Promise<void> {
    if (this.lanes.size > 0) await new Promise<void>((resolve) => this.whenIdle.push(resolve));
  }

  private next(key: string, lane: Lane): void {
    if (lane.isBusy) return;
    const waiting = lane.urgent.shift() ?? lane.others.shift();
    if (!waiting) return this.forget(key);
    lane.isBusy = true;
    void waiting.begin().finally(() => {
      lane.isBusy = false;
      this.next(key, lane);
    });
  }

  private forget(key: string): void {
    this.lanes.delete(key);
    if (this.lanes.size > 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }
}
