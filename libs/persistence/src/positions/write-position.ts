import type { Queryable } from '../postgres/database.js';
import { readPosition, type GroupPartition } from './read-position.js';

/** The stored position is further than the one to be written: these records belong to another member now. */
export class StalePositionError extends Error {
  override readonly name = 'StalePositionError';
}

/**
 * Moves the group's position on, in the transaction of what was made of the records.
 * @throws StalePositionError when it would move backwards; the transaction must then be rolled back.
 */
export async function writePosition(
  tx: Queryable,
  position: GroupPartition & { readonly nextOffset: number; readonly log?: string | undefined },
): Promise<void> {
  const { group, topic, partition, nextOffset, log = null } = position;
  const written = await tx.query(
    `insert into teststrip.consumed_positions as held (consumer_group, topic, partition, next_offset, log)
     values ($1, $2, $3, $4, $5)
     on conflict (consumer_group, topic, partition) do update
       set next_offset = excluded.next_offset, log = coalesce(excluded.log, held.log), restart_at = null, updated_at = now()
       where held.next_offset <= excluded.next_offset
     returning 1`,
    [group, topic, partition, nextOffset, log],
  );
  if (written.length > 0) return;
  const held = await readPosition(tx, position);
  throw new StalePositionError(
    `group ${group}, ${topic}[${partition}]: position ${nextOffset} is behind the stored ${held}; another member has moved on`,
  );
}
