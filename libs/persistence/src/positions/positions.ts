import type { Queryable } from '../postgres/database.js';
import { readPosition } from './read-position.js';
import { resetPosition } from './reset-position.js';
import { writePosition } from './write-position.js';

/** How far one consumer group has got, by topic and partition. */
export interface Positions {
  /** The offset to read next; undefined where the group has consumed nothing yet. Fits `SubscriptionOptions.positionOf`. */
  readonly read: (topic: string, partition: number) => Promise<number | undefined>;
  /**
   * Moves on, in the caller's transaction, together with what was made of the records.
   * @throws StalePositionError when the stored position is already further: another member took over.
   */
  readonly write: (tx: Queryable, topic: string, partition: number, nextOffset: number) => Promise<void>;
  /** Sets any position, also an earlier one: for a deliberate replay. */
  readonly reset: (tx: Queryable, topic: string, partition: number, nextOffset: number) => Promise<void>;
}

/** The positions of `group`. */
export function createPositions(database: Queryable, group: string): Positions {
  return {
    read: (topic, partition) => readPosition(database, { group, topic, partition }),
    write: (tx, topic, partition, nextOffset) => writePosition(tx, { group, topic, partition, nextOffset }),
    reset: (tx, topic, partition, nextOffset) => resetPosition(tx, { group, topic, partition, nextOffset }),
  };
}
