import type { Database } from '#libs/persistence';

const MOST_ROWS_PER_STEP = 5_000;
/** A log that has grown for days without maintenance takes its time. */
const LONGEST_STEP_MS = 600_000;
const MAINTENANCE_LOCK = 5_347_201_167;

/** How long records are kept, milliseconds. */
export interface KeptFor {
  /** What every group that comes back has read. */
  readonly readMs: number;
  /** What one of them has not. */
  readonly unreadMs: number;
}

/** What maintenance has deleted. */
export interface Deleted {
  readonly records: number;
  /** Of these, what some group that comes back had not read, by group, topic and partition: `recorder, request.routed.v1[3]`. */
  readonly unread: ReadonlyMap<string, number>;
}

/**
 * Deletes what nobody needs: of compacted topics every record that a newer one of the same key replaces, of the others what is
 * older than the retention and was read. Offsets stay as they are; readers skip the gaps. Only one process does it at a time.
 */
export async function maintain(database: Database, keptFor: KeptFor, nowMs: number): Promise<Deleted> {
  let records = 0;
  const unread = new Map<string, number>();
  for (const step of [compact, trim]) {
    for (;;) {
      const rows = await step(database, { readMs: nowMs - keptFor.readMs, unreadMs: nowMs - keptFor.unreadMs });
      records += rows.length;
      for (const { reader } of rows) if (reader !== null) unread.set(reader, (unread.get(reader) ?? 0) + 1);
      if (rows.length < MOST_ROWS_PER_STEP) break;
    }
  }
  return { records, unread };
}

interface DeletedRow {
  /** Who had not read it; null: nobody has missed it. */
  readonly reader: string | null;
}

function compact(database: Database): Promise<readonly DeletedRow[]> {
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
     RETURNING null AS reader`,
    [],
  );
}

/**
 * Offsets grow with time, so the oldest records of a partition are its first ones: no index on time is needed. A group that keeps its positions with its
 * own facts stands where those say: the bus may have noted more of it than was written.
 */
function trim(
  database: Database,
  before: { readonly readMs: number; readonly unreadMs: number },
): Promise<readonly DeletedRow[]> {
  return underLock(
    database,
    `DELETE FROM bus.record r USING (
       SELECT o.topic_id, o.partition, o."offset",
              CASE WHEN o."offset" >= behind."offset" THEN behind.name || ', ' || t.name || '[' || p.partition || ']' END AS reader
       FROM bus.partition p JOIN bus.topic t USING (topic_id)
       LEFT JOIN LATERAL (
         SELECT g.name, coalesce(own.next_offset, noted.next_offset, 0) AS "offset"
         FROM bus.consumer_group g
         LEFT JOIN bus.position noted ON noted.group_id = g.group_id AND noted.partition = p.partition
         LEFT JOIN teststrip.consumed_positions own
           ON own.consumer_group = g.name AND own.topic = t.name AND own.partition = p.partition
         WHERE g.topic_id = p.topic_id AND g.is_lasting
         ORDER BY 2 LIMIT 1
       ) behind ON true
       CROSS JOIN LATERAL (
         SELECT * FROM bus.record WHERE topic_id = p.topic_id AND partition = p.partition ORDER BY "offset" LIMIT 1000
       ) o
       WHERE NOT t.compacted AND o.timestamp_ms < $1
         AND (behind."offset" IS NULL OR o."offset" < behind."offset" OR o.timestamp_ms < $2)
       LIMIT ${MOST_ROWS_PER_STEP}
     ) old
     WHERE (r.topic_id, r.partition, r."offset") = (old.topic_id, old.partition, old."offset")
     RETURNING old.reader`,
    [before.readMs, before.unreadMs],
  );
}

function underLock(database: Database, sql: string, values: readonly unknown[]): Promise<readonly DeletedRow[]> {
  return database.transaction(async (tx) => {
    const [row] = await tx.query<{ had: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS had', [MAINTENANCE_LOCK]);
    return row!.had ? await tx.query<DeletedRow>(sql, values, { answerWithinMs: LONGEST_STEP_MS }) : [];
  });
}
