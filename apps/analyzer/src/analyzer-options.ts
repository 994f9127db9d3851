import type { EventBus, OrderTrust } from '#libs/messaging';
import type { Database } from '#libs/persistence';
import type { Clock, Tracer } from '#libs/platform';
import type { AnalyzerMetrics } from './analyzer-metrics.js';

export interface AnalyzerOptions {
  /** With its topics created; stays the caller's. */
  readonly bus: EventBus;
  /** Migrated; stays the caller's. */
  readonly database: Database;
  readonly clock: Clock;
  /** Whose definitions count. Default: everybody's. */
  readonly trust?: OrderTrust;
  readonly log: { warn(message: string): void; error(message: string): void };
  /** Default: nothing is measured. */
  readonly measured?: AnalyzerMetrics | undefined;
  /** Default: no spans are kept. */
  readonly tracer?: Tracer | undefined;
  /** `partitions`: shares the partitions with other analyzers. Default `none`: one reads all of them, others stand by. */
  readonly share?: 'none' | 'partitions';
  /** Shortest time between two analyses. Default 50 ms. */
  readonly analyseEveryMs?: number;
  /** Time between two snapshots. Default 1 s. */
  readonly snapshotEveryMs?: number;
  /** Pause before it starts again after losing the lead or its database. Default 1 s. */
  readonly restartAfterMs?: number;
  /** How long it may hang before another analyzer takes its lead. Default 7 s. */
  readonly hungAfterMs?: number;
  /** How long nobody may read before it is not ready. Default 15 s. */
  readonly leaderlessAfterMs?: number;
  /** After how long without a change the evidence of a revision leaves memory, until something comes for it. Default: an hour. */
  readonly restsAfterMs?: number;
}
