import { Pool } from 'undici';

export interface UpstreamLimits {
  /** Longest time from the request to the last byte of the upstream's answer. */
  readonly timeoutMs: number;
  /** Connections to one upstream: requests beyond wait in line, and their waiting counts against the time limit. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
}

/** Keep-alive connections, one pool per upstream. */
export class UpstreamPools {
  private readonly pools = new Map<string, Pool>();

  constructor(private readonly limits: UpstreamLimits) {}

  poolOf(origin: string): Pool {
    const known = this.pools.get(origin);
    if (known) return known;
    const pool = new Pool(origin, {
      connections: this.limits.connections,
      pipelining: 1,
      connect: { timeout: this.limits.connectTimeoutMs },
      // The router's own limit is for the whole answer; undici's are for its parts and never shorter.
      headersTimeout: this.limits.timeoutMs,
      bodyTimeout: this.limits.timeoutMs,
    });
    this.pools.set(origin, pool);
    return pool;
  }

  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()));
    this.pools.clear();
  }
}
