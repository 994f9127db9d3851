import type { Queryable } from '../postgres/database.js';
import type { OutboxRecord } from './outbox-record.js';

export interface ClaimedRecord extends OutboxRecord {
  readonly id: number;
}

/**
 * Locks the oldest record of every key that no other relay is working on, and returns these keys' records in order.
 * Who holds a key's oldest record holds the key: another relay skips it altogether, so order per key survives any
 * number of relays. Leaves `exceptKeys` out.
 */
export async function claimOutbox(
  tx: Queryable,
  limit: number,
  exceptKeys: readonly string[],
): Promise<readonly ClaimedRecord[]> {
  const heads = await tx.query<{ key: string }>(
    `select key from teststrip.outbox as head
      where id = (select min(id) from teststrip.outbox where key = head.key)
        and key <> all ($2::text[])
      order by id
      limit $1
        for update skip locked`,
    [limit, exceptKeys],
  );
  if (heads.length === 0) return [];
  return tx.query<ClaimedRecord>(
    `select id, topic, key, headers, value from teststrip.outbox
      where key = any ($1::text[])
      order by id
      limit $2`,
    [heads.map(({ key }) => key), limit],
  );
}
