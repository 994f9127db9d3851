import type { Queryable } from '../postgres/database.js';

/** What has not reached the bus yet. */
export interface WaitingRecords {
  readonly size: number;
  /** When the oldest of them was added, milliseconds since the epoch; null where none waits. */
  readonly oldestAtMs: number | null;
  /** The key of the oldest. */
  readonly oldestKey: string | null;
}

/** How many records wait, and since when. SQL: aggregates of one moment. */
export async function countOutbox(database: Queryable): Promise<WaitingRecords> {
  const [row] = await database.query<{ size: number; oldest: Date | null; key: string | null }>(
    `select count(*)::integer as size, min(added_at) as oldest, (array_agg(key order by added_at))[1] as key
       from teststrip.outbox`,
  );
  return { size: row?.size ?? 0, oldestAtMs: row?.oldest?.getTime() ?? null, oldestKey: row?.key ?? null };
}
