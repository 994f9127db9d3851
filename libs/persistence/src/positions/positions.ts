import type { Queryable } from '../postgres/database.js';
import { forgetPosition } from './forget-position.js';
import { readPosition, readStoredPosition, type StoredPosition } from './read-position.js';
import { type ReachedPosition, writePositions } from './write-positions.js';

/** How far one consumer group has got, by topic and partition. */
export interface Positions {
  /** The offset to read next; undefined where the group has consumed nothing yet. */
  readonly read: (topic: string, partition: number) => Promise<number | undefined>;
  /** The same with the log it belongs to, and what an operator wants instead. Fits `SubscriptionOptions.positionOf`. */
  readonly kept: (topic: string, partition: number) => Promise<StoredPosition | undefined>;
  /**
   * Moves on to the ends of batches, of a partition each, in the caller's transaction, together with what was made of the records.
   * @throws StalePositionError when a stored position is already further, or another than `movedFrom`: another member took over.
   */
  readonly write: (tx: Queryable, ...reached: readonly ReachedPosition[]) => Promise<void>;
  /** Drops the position: the group starts again where the log begins, wherever that is by now. For a deliberate replay. */
  readonly forget: (tx: Queryable, topic: string, partition: number) => Promise<void>;
}

/** The positions of `group`. */
export function createPositions(database: Queryable, group: string): Positions {
  return {
    read: (topic, partition) => readPosition(database, { group, topic, partition }),
    kept: (topic, partition) => readStoredPosition(database, { group, topic, partition }),
    write: (tx, ...reached) => writePositions(tx, group, reached),
    forget: (tx, topic, partition) => forgetPosition(tx, { group, topic, partition }),
  };
}
