import type { Queryable } from '../postgres/database.js';
import { addToOutbox } from './add-to-outbox.js';
import { countOutbox, type WaitingRecords } from './count-outbox.js';
import type { OutboxRecord } from './outbox-record.js';

/** State and the news of it are one transaction: records added here reach the bus if, and only if, the transaction commits. */
export interface Outbox {
  /** Adds records in the caller's transaction; the relay is woken at its commit. Order per key is the order of the commits. */
  readonly add: (tx: Queryable, records: readonly OutboxRecord[]) => Promise<void>;
  /** Records that have not reached the bus yet. */
  readonly size: () => Promise<number>;
  /** The same with the age of the oldest: a relay that can't publish is seen by it. */
  readonly waiting: () => Promise<WaitingRecords>;
}

export function createOutbox(database: Queryable): Outbox {
  return {
    add: addToOutbox,
    size: async () => (await countOutbox(database)).size,
    waiting: () => countOutbox(database),
  };
}
