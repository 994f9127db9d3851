import type { Queryable } from '../postgres/database.js';
import { addToOutbox } from './add-to-outbox.js';
import { countOutbox } from './count-outbox.js';
import type { OutboxRecord } from './outbox-record.js';

/** State and the news of it are one transaction: records added here reach the bus if, and only if, the transaction commits. */
export interface Outbox {
  /** Adds records in the caller's transaction; the relay is woken at its commit. Order per key is the order of the commits. */
  readonly add: (tx: Queryable, records: readonly OutboxRecord[]) => Promise<void>;
  /** Records that have not reached the bus yet. */
  readonly size: () => Promise<number>;
}

export function createOutbox(database: Queryable): Outbox {
  return { add: addToOutbox, size: () => countOutbox(database) };
}
