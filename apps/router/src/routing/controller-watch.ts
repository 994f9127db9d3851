/**
 * When the controller was last heard of, per experiment, by the router's own monotonic clock (clocks of two machines are never compared).
 * A heartbeat speaks for the experiments it lists; a command for its own.
 */
export class ControllerWatch {
  private readonly heardAtMs = new Map<string, number>();
  private readonly startedAtMs: number;

  constructor(private readonly monotonicMs: () => number) {
    this.startedAtMs = monotonicMs();
  }

  heardOf(experiment: string): void {
    this.heardAtMs.set(experiment, this.monotonicMs());
  }

  /** Silence so far, milliseconds; counted from the router's start before anything was heard. */
  silentMs(experiment: string): number {
    return this.monotonicMs() - (this.heardAtMs.get(experiment) ?? this.startedAtMs);
  }
}
