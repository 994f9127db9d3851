import type { Queryable } from '../postgres/database.js';

/** How far a group has got in one partition, for people. */
export interface ListedPosition {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: number;
  readonly log: string | null;
  readonly restartAt: 'earliest' | 'latest' | null;
}

/** The positions of all groups that keep theirs here. */
export function listPositions(database: Queryable): Promise<readonly ListedPosition[]> {
  return database.query<ListedPosition>(
    `select consumer_group as "group", topic, partition, next_offset as "nextOffset", log, restart_at as "restartAt"
       from teststrip.consumed_positions order by 1, 2, 3`,
  );
}

/**
 * Lets a group go on at the beginning or the end of whatever log it finds; a member that is stopped looks again every few seconds.
 * @returns how many partitions that concerns
 */
export async function resetPositions(
  database: Queryable,
  group: string,
  restartAt: 'earliest' | 'latest',
): Promise<number> {
  const rows = await database.query(
    `update teststrip.consumed_positions set next_offset = 0, log = null, restart_at = $2, updated_at = now()
      where consumer_group = $1 returning 1`,
    [group, restartAt],
  );
  return rows.length;
}
