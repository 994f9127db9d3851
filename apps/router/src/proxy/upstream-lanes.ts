import type { Upstream } from '../routing/upstream.js';
import { UpstreamPool } from '../upstream/upstream-pool.js';
import { PassiveHealth, type EjectionLimits } from './passive-health.js';

export interface UpstreamLimits {
  /** Longest time from the request to the first byte of the upstream's answer; of an upload, from its last byte, and between any two. */
  readonly timeoutMs: number;
  /** Longest time between two bytes of an answer. */
  readonly idleMs: number;
  /** Connections to the upstream of one variant, and as many sockets beside them. */
  readonly connections: number;
  /** Requests that may wait for one of them; their waiting counts against the time limit. What comes beyond is not taken. */
  readonly queue: number;
  readonly connectTimeoutMs: number;
  readonly ejection: EjectionLimits;
}

/** Whose upstream it is. */
export interface LaneOwner {
  readonly service: string;
  /** Empty: the service's baseline. */
  readonly variant: string;
}

/** What the end of a request says of the upstream; `nothing` where the client ended it. */
export type LaneEnd = 'answered' | 'failed' | 'nothing';

/** A lane that nobody has used for so long is closed when another one opens. */
const UNUSED_MS = 600_000;

/** One variant's way to its upstream: connections, places and health of its own, also where two variants share an address. */
export class UpstreamLane {
  readonly pool: UpstreamPool;
  readonly health: PassiveHealth;
  private entered = 0;
  private enteredSockets = 0;
  private usedAtMs = performance.now();
  isClosed = false;

  constructor(
    readonly owner: LaneOwner,
    origin: string,
    private readonly limits: UpstreamLimits,
  ) {
    this.health = new PassiveHealth(limits.ejection);
    this.pool = new UpstreamPool(origin, limits);
  }

  get isFull(): boolean {
    return this.entered >= this.limits.connections + this.limits.queue;
  }

  get hasSocket(): boolean {
    return this.enteredSockets < this.limits.connections;
  }

  /** Requests under way or waiting. */
  get pending(): number {
    return this.entered;
  }

  /** A request takes a place, or a WebSocket one beside them. @returns to be called once, when it gives the place back. */
  enter(as: 'request' | 'socket' = 'request'): (end?: LaneEnd) => void {
    this.usedAtMs = performance.now();
    this.count(as, 1);
    return (end = 'nothing') => {
      this.count(as, -1);
      this.learn(end);
    };
  }

  /** What the upstream's answer, or its absence, says of its health. */
  learn(end: LaneEnd): void {
    if (end === 'answered') this.health.answered();
    else if (end === 'failed') this.health.failed();
  }

  private count(as: 'request' | 'socket', change: 1 | -1): void {
    if (as === 'request') this.entered += change;
    else this.enteredSockets += change;
  }

  get isUnused(): boolean {
    return this.entered + this.enteredSockets === 0 && performance.now() - this.usedAtMs > UNUSED_MS;
  }
}

/** The lanes of all variants. */
export class UpstreamLanes {
  private readonly lanes = new Map<string, UpstreamLane>();
  /** Of the routing table in force: found without making a key. */
  private readonly known = new WeakMap<Upstream, UpstreamLane>();

  constructor(private readonly limits: UpstreamLimits) {}

  /** @param upstream of this owner alone: each table has an object of its own for each */
  laneOf(upstream: Upstream, owner: LaneOwner): UpstreamLane {
    const known = this.known.get(upstream);
    if (known && !known.isClosed) return known;
    const key = `${owner.service}/${owner.variant}@${upstream.origin}`;
    const lane = this.lanes.get(key) ?? this.open(key, upstream, owner);
    this.known.set(upstream, lane);
    return lane;
  }

  all(): Iterable<UpstreamLane> {
    return this.lanes.values();
  }

  close(): void {
    for (const { pool } of this.lanes.values()) pool.destroy();
    this.lanes.clear();
  }

  private open(key: string, { origin }: Upstream, owner: LaneOwner): UpstreamLane {
    for (const [other, lane] of this.lanes) {
      if (!lane.isUnused) continue;
      this.lanes.delete(other);
      lane.isClosed = true;
      lane.pool.destroy();
    }
    const lane = new UpstreamLane(owner, origin, this.limits);
    this.lanes.set(key, lane);
    return lane;
  }
}
