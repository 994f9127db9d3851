import type { Queryable } from '../postgres/database.js';

/** What has not reached the bus yet. */
export interface WaitingRecords {
  readonly size: number;
  /** When the oldest of them was added, milliseconds since the epoch; null where none waits. */
  readonly oldestAtMs: number | null;
}

/** How many records wait, and since when. SQL: two aggregates of one moment. */
export async function countOutbox(database: Queryable): Promise<WaitingRecords> {
  const [row] = await database.query<{ size: number; oldest: Date | null }>(
    'select count(*)::integer as size, min(added_at) as oldest from teststrip.outbox',
  );
  return { size: row?.size ?? 0, oldestAtMs: row?.oldest?.getTime() ?? null };
}
