import type { Database } from '#libs/persistence';

const MOST_ROWS_PER_STEP = 5_000;
const MAINTENANCE_LOCK = 5_347_201_167;

/**
 * Deletes what nobody needs: of compacted topics every record that a newer one of the same key replaces, of the others what is
 * older than the retention. Offsets stay as they are; readers skip the gaps. Only one process does it at a time.
 * @returns deleted records
 */
export async function maintain(database: Database, retentionMs: number, nowMs: number): Promise<number> {
  let deleted = 0;
  for (const step of [compact, trim]) {
    for (;;) {
      const rows = await step(database, nowMs - retentionMs);
      deleted += rows;
      if (rows < MOST_ROWS_PER_STEP) break;
    }
  }
  return deleted;
}

function compact(database: Database): Promise<number> {
  return underLock(
    database,
    `DELETE FROM bus.record r USING (
       SELECT topic_id, partition, "offset" FROM (
         SELECT topic_id, partition, "offset",
                row_number() OVER (PARTITION BY topic_id, partition, key ORDER BY "offset" DESC) AS age
         FROM bus.record WHERE topic_id IN (SELECT topic_id FROM bus.topic WHERE compacted) AND key IS NOT NULL
       ) aged WHERE age > 1 LIMIT ${MOST_ROWS_PER_STEP}
     ) old
     WHERE (r.topic_id, r.partition, r."offset") = (old.topic_id, old.partition, old."offset")
     RETURNING 1`,
    [],
  );
}

/** Offsets grow with time, so the oldest records of a partition are its first ones: no index on time is needed. */
function trim(database: Database, olderThanMs: number): Promise<number> {
  return underLock(
    database,
    `DELETE FROM bus.record r USING (
       SELECT o.topic_id, o.partition, o."offset" FROM bus.partition p JOIN bus.topic t USING (topic_id)
       CROSS JOIN LATERAL (
         SELECT * FROM bus.record WHERE topic_id = p.topic_id AND partition = p.partition ORDER BY "offset" LIMIT 1000
       ) o
       WHERE NOT t.compacted AND o.timestamp_ms < $1 LIMIT ${MOST_ROWS_PER_STEP}
     ) old
     WHERE (r.topic_id, r.partition, r."offset") = (old.topic_id, old.partition, old."offset")
     RETURNING 1`,
    [olderThanMs],
  );
}

function underLock(database: Database, sql: string, values: readonly unknown[]): Promise<number> {
  return database.transaction(async (tx) => {
    const [row] = await tx.query<{ had: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS had', [MAINTENANCE_LOCK]);
    return row!.had ? (await tx.query(sql, values)).length : 0;
  });
}
