import type { Queryable } from '../postgres/database.js';

/** Records that have not reached the bus yet. */
export async function countOutbox(database: Queryable): Promise<number> {
  const rows = await database.query<{ waiting: number }>('select count(*)::integer as waiting from teststrip.outbox');
  return rows[0]?.waiting ?? 0;
}
