import type { Queryable } from '../postgres/database.js';
import type { OutboxRecord } from './outbox-record.js';

export interface ClaimedRecord extends OutboxRecord {
  readonly id: number;
}

/**
 * Of one topic, locks the oldest record of every key that no other relay is working on, and returns these keys' records in order.
 * Who holds a key's oldest record holds the key: another relay skips it altogether, so order per topic and key survives any
 * number of relays. Leaves `exceptKeys` out.
 */
export async function claimOutbox(
  tx: Queryable,
  topic: string,
  limit: number,
  exceptKeys: readonly string[],
): Promise<readonly ClaimedRecord[]> {
  const heads = await tx.query<{ key: string }>(
    `select key from teststrip.outbox as head
      where topic = $1
        and id = (select min(id) from teststrip.outbox where topic = $1 and key = head.key)
        and key <> all ($3::text[])
      order by id
      limit $2
        for update skip locked`,
    [topic, limit, exceptKeys],
  );
  if (heads.length === 0) return [];
  return tx.query<ClaimedRecord>(
    `select id, topic, key, headers, value from teststrip.outbox
      where topic = $1 and key = any ($2::text[])
      order by id
      limit $3`,
    [topic, heads.map(({ key }) => key), limit],
  );
}
