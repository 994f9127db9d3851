import type { Queryable } from '../postgres/database.js';
import { addToOutbox } from './add-to-outbox.js';
import { countOutbox, type WaitingRecords } from './count-outbox.js';
import type { OutboxRecord } from './outbox-record.js';

/** State and the news of it are one transaction: records added here reach the bus if, and only if, the transaction commits. */
export interface Outbox {
  /** Adds records in the caller's transaction; the relay is woken at its commit. Order per key is the order of the commits. */
  readonly add: (tx: Queryable, records: readonly OutboxRecord[]) => Promise<void>;
  /** How many records have not reached the bus yet, and since when: a relay that can't publish is seen by it. */
  readonly waiting: () => Promise<WaitingRecords>;
}

export function createOutbox(database: Queryable): Outbox {
  return {
    add: addToOutbox,
    waiting: () => countOutbox(database),
  };
}
