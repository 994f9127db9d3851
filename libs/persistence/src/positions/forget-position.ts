import type { Queryable } from '../postgres/database.js';
import type { GroupPartition } from './read-position.js';

/** Drops a group's position: it starts again where the log begins. */
export async function forgetPosition(tx: Queryable, { group, topic, partition }: GroupPartition): Promise<void> {
  await tx.query(
    `delete from teststrip.consumed_positions
      where consumer_group = $1 and topic = $2 and partition = $3`,
    [group, topic, partition],
  );
}
