import type { Queryable } from '../postgres/database.js';

/** One partition as one consumer group sees it. */
export interface GroupPartition {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

/** The offset the group reads next; undefined where it has consumed nothing yet. SQL: it also runs in the transaction that writes positions. */
export async function readPosition(
  database: Queryable,
  { group, topic, partition }: GroupPartition,
): Promise<number | undefined> {
  const rows = await database.query<{ next_offset: number }>(
    `select next_offset from teststrip.consumed_positions
      where consumer_group = $1 and topic = $2 and partition = $3`,
    [group, topic, partition],
  );
  return rows[0]?.next_offset;
}
