import type { Queryable } from '../postgres/database.js';
import { forgetPosition } from './forget-position.js';
import { readPosition, readStoredPosition, type StoredPosition } from './read-position.js';
import { writePositions } from './write-positions.js';

/** The end of what was consumed of a partition. */
export interface ReachedPosition {
  readonly topic: string;
  readonly partition: number;
  /** The offset to read next. */
  readonly nextOffset: number;
  /** Names the log that the offset belongs to; absent: the one that is stored. */
  readonly log?: string | undefined;
  /** What must be stored still, for who writes more than facts that are absorbed when they come twice; absent: anything that is not further. */
  readonly movedFrom?: number | undefined;
}

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
