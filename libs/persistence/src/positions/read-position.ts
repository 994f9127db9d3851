import type { Queryable } from '../postgres/database.js';

/** One partition as one consumer group sees it. */
export interface GroupPartition {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

/** Where a group goes on, and in which log. Fits the bus's `KeptPosition`. */
export interface StoredPosition {
  readonly offset: number | 'earliest' | 'latest';
  /** Null where a version that did not note it wrote the position. */
  readonly log: string | null;
}

/** Where the group goes on; undefined where it has consumed nothing yet. */
export async function readStoredPosition(
  database: Queryable,
  { group, topic, partition }: GroupPartition,
): Promise<StoredPosition | undefined> {
  const [row] = await database.query<StoredPosition & { readonly restart_at: 'earliest' | 'latest' | null }>(
    `select next_offset as offset, log, restart_at from teststrip.consumed_positions
      where consumer_group = $1 and topic = $2 and partition = $3`,
    [group, topic, partition],
  );
  return row && { offset: row.restart_at ?? row.offset, log: row.log };
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
