/** Consumers that wait until a partition's end has moved past their position. */
export class WakeUp {
  private readonly sleepers = new Set<() => void>();

  /** Wakes everybody who waits now. */
  ring(): void {
    const sleepers = [...this.sleepers];
    this.sleepers.clear();
    for (const wake of sleepers) wake();
  }

  /** Resolves at the next `ring`, or when cancelled. */
  wait(cancelled: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (cancelled.aborted) {
        resolve();
        return;
      }
      const done = (): void => {
        this.sleepers.delete(done);
        cancelled.removeEventListener('abort', done);
        resolve();
      };
      this.sleepers.add(done);
      cancelled.addEventListener('abort', done);
    });
  }
}
