import type { Queryable } from '../postgres/database.js';

/** Removes records that the bus has taken. */
export async function deleteFromOutbox(tx: Queryable, ids: readonly number[]): Promise<void> {
  await tx.query('delete from teststrip.outbox where id = any ($1::bigint[])', [ids]);
}
