/** Each start of a decision service is another one. */
const MOST_CONTROLLERS = 1_000;
/**
 * How far two signs of life of the present may be apart, by the clock of the database, which all controllers have in common: time on the way, and what a
 * standby's clock is behind that takes its place.
 */
const APART_AT_MOST_MS = 60_000;

/**
 * When the controller was last heard of, per experiment, by the router's own monotonic clock (clocks of two machines are never compared).
 * A heartbeat speaks for the experiments it lists; a command for its own.
 */
export class ControllerWatch {
  private readonly heardAtMs = new Map<string, number>();
  private readonly behindSinceMs = new Map<string, number>();
  /** By controller its newest sign of life. */
  private readonly newest = new Map<string, { readonly at: number; readonly id: string }>();
  /** Of all of them. */
  private newestAtMs = -Infinity;
  private readonly startedAtMs: number;

  /** @param nowMs milliseconds since 1970 */
  constructor(
    private readonly monotonicMs: () => number,
    private readonly nowMs: () => number = () => Date.now(),
  ) {
    this.startedAtMs = monotonicMs();
  }

  /**
   * A controller has given an order then: signs of life of long before are none of the present, so that nobody who has kept them lets a dead controller live for a
   * router that starts and has heard of none. An order of a future that this machine does not know yet says that some clock was set back, and nothing else.
   */
  ordered(at: string): void {
    const atMs = Date.parse(at);
    if (atMs <= this.nowMs()) this.newestAtMs = Math.max(this.newestAtMs, atMs);
  }

  /**
   * Whether a sign of life comes after all others of its controller: one that somebody sends again says nothing of the present. Nor does one of a controller
   * that was never heard here, from before the others: so nobody who has kept those of earlier starts keeps a dead one alive.
   */
  isNews(controller: string, at: string, id: string): boolean {
    const [before, given] = [this.newest.get(controller), { at: Date.parse(at), id }];
    if (given.at < this.newestAtMs - APART_AT_MOST_MS) return false;
    this.newestAtMs = Math.max(this.newestAtMs, given.at);
    if (before && (given.at < before.at || (given.at === before.at && given.id === before.id))) return false;
    if (!before && this.newest.size >= MOST_CONTROLLERS) this.newest.clear();
    this.newest.set(controller, given);
    return true;
  }

  heardOf(experiment: string): void {
    this.heardAtMs.set(experiment, this.monotonicMs());
  }

  /** Silence so far, milliseconds; counted from the router's start before anything was heard. */
  silentMs(experiment: string): number {
    return this.monotonicMs() - (this.heardAtMs.get(experiment) ?? this.startedAtMs);
  }

  /** The controller has given an order about the service that is not known here. */
  behind(service: string): void {
    if (!this.behindSinceMs.has(service)) this.behindSinceMs.set(service, this.monotonicMs());
  }

  upToDate(service: string): void {
    this.behindSinceMs.delete(service);
  }

  /** For how long such an order has been missing, milliseconds; 0 where none is. */
  behindMs(service: string): number {
    const sinceMs = this.behindSinceMs.get(service);
    return sinceMs === undefined ? 0 : this.monotonicMs() - sinceMs;
  }
}
