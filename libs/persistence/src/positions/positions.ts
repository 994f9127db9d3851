import type { Queryable } from '../postgres/database.js';
import { forgetPosition } from './forget-position.js';
import { readPosition } from './read-position.js';
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
  /** Drops the position: the group starts again where the log begins, wherever that is by now. For a deliberate replay. */
  readonly forget: (tx: Queryable, topic: string, partition: number) => Promise<void>;
}

/** The positions of `group`. */
export function createPositions(database: Queryable, group: string): Positions {
  return {
    read: (topic, partition) => readPosition(database, { group, topic, partition }),
    write: (tx, topic, partition, nextOffset) => writePosition(tx, { group, topic, partition, nextOffset }),
    forget: (tx, topic, partition) => forgetPosition(tx, { group, topic, partition }),
  };
}
