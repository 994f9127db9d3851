import type { Queryable } from './database.js';

/** Advisory locks of a database, as pg_locks shows them. */
export interface AdvisoryLocks {
  /** Whether they have one key of 64 bits or two of 32. */
  readonly keys: 1 | 2;
  /** The first of two keys, or the high half of the one. */
  readonly classIds: readonly number[];
  /** The second of two keys, or the low half of the one; absent: any. */
  readonly objectId?: number;
}

/**
 * Ends the sessions that hold such locks and have asked nothing for so long. A process that is stopped, or a machine that hangs, keeps its
 * connections, and with them its locks; ended here, it finds its session gone when it wakes. Sessions of another role are left alone.
 * @returns how many were ended
 */
export async function endSilentSessions(
  session: Queryable,
  { keys, classIds, objectId }: AdvisoryLocks,
  silentForMs: number,
): Promise<number> {
  const ended = await session.query(
    `WITH silent AS MATERIALIZED (
       SELECT DISTINCT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
       WHERE locktype = 'advisory' AND granted AND objsubid = $1 AND classid = ANY($2::oid[]) AND objid = coalesce($3::oid, objid)
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()
         AND greatest(query_start, state_change) < clock_timestamp() - $4 * interval '1 millisecond')
     SELECT pg_terminate_backend(pid) FROM silent`,
    [keys, classIds, objectId, silentForMs],
    { prepareAs: 'end_silent_sessions' },
  );
  return ended.length;
}
