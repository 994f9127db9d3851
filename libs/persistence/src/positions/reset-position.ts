import type { Queryable } from '../postgres/database.js';
import type { GroupPartition } from './read-position.js';

/** Sets a group's position, also to an earlier offset: the records from there on are consumed again. */
export async function resetPosition(
  tx: Queryable,
  { group, topic, partition, nextOffset }: GroupPartition & { readonly nextOffset: number },
): Promise<void> {
  await tx.query(
    `insert into teststrip.consumed_positions (consumer_group, topic, partition, next_offset)
     values ($1, $2, $3, $4)
     on conflict (consumer_group, topic, partition) do update
       set next_offset = excluded.next_offset, updated_at = now()`,
    [group, topic, partition, nextOffset],
  );
}
