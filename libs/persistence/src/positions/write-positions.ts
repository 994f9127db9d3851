import type { Queryable } from '../postgres/database.js';
import { readPosition } from './read-position.js';

/** The stored position is further than the one to be written: these records belong to another member now. */
export class StalePositionError extends Error {
  override readonly name = 'StalePositionError';
}

/** The end of what was consumed of a partition. */
export interface ReachedPosition {
  readonly topic: string;
  readonly partition: number;
  /** The offset to read next. */
  readonly nextOffset: number;
  /** Names the log that the offset belongs to; absent: the one that is stored. */
  readonly log?: string | undefined;
  /** What must be stored still, for who writes more than facts that are absorbed when they come twice; absent: anything that is not further. */
  readonly movedFrom?: number | undefined;
}

/**
 * Moves the group's positions on, in the transaction of what was made of the records; in the order of their key, so that two members can't block each other.
 * @throws StalePositionError when one of them would move backwards, or from another place than is stored; the transaction must then be rolled back.
 */
export async function writePositions(
  tx: Queryable,
  group: string,
  positions: readonly ReachedPosition[],
): Promise<void> {
  const written = await tx.query<{ topic: string; partition: number }>(
    `insert into teststrip.consumed_positions as held (consumer_group, topic, partition, next_offset, log)
     select $1, topic, partition, next_offset, log
       from unnest($2::text[], $3::integer[], $4::bigint[], $5::text[]) as given (topic, partition, next_offset, log)
      order by topic, partition
     on conflict (consumer_group, topic, partition) do update
       set next_offset = excluded.next_offset, log = coalesce(excluded.log, held.log), restart_at = null, updated_at = now()
       where held.next_offset <= excluded.next_offset
         and not exists (select from unnest($2::text[], $3::integer[], $6::bigint[]) as given (topic, partition, moved_from)
                          where given.topic = held.topic and given.partition = held.partition and given.moved_from <> held.next_offset)
     returning topic, partition`,
    [
      group,
      positions.map(({ topic }) => topic),
      positions.map(({ partition }) => partition),
      positions.map(({ nextOffset }) => nextOffset),
      positions.map(({ log = null }) => log),
      positions.map(({ movedFrom = null }) => movedFrom),
    ],
    { prepareAs: 'write-positions' },
  );
  if (written.length === positions.length) return;
  const moved = new Set(written.map(({ topic, partition }) => `${topic}/${partition}`));
  const { topic, partition, nextOffset } = positions.find((one) => !moved.has(`${one.topic}/${one.partition}`))!;
  const held = await readPosition(tx, { group, topic, partition });
  throw new StalePositionError(
    `group ${group}, ${topic}[${partition}]: position ${nextOffset} is behind the stored ${held}, or was not moved from it; another member has moved on`,
  );
}
