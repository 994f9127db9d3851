import type { Database } from '#libs/persistence';
import { FURTHEST_BEHIND, READER_BEHIND } from './furthest-behind.js';
import { underMaintenanceLock } from './maintenance-lock.js';
import { dropOldSegments, prepareSegments, type Deleted, type OldBefore } from './segments.js';

const MOST_ROWS_PER_STEP = 5_000;
/** A log that has grown for days without maintenance takes its time. */
const LONGEST_STEP_MS = 600_000;
const DAY_MS = 86_400_000;

/** How long records are kept, milliseconds. */
export interface KeptFor {
  /** What every group that comes back has read. */
  readonly readMs: number;
  /** What one of them has not. */
  readonly unreadMs: number;
}

/**
 * Whether it is this process's turn to do the maintenance of all: of those that ask within a period, one is told so. None is the maintainer for good, so
 * that nobody has to notice the end of one.
 */
export async function takeMaintenanceTurn(database: Database, everyMs: number): Promise<boolean> {
  const taken = await database.query(
    // Timers are not exact: the one who had the last turn may have the next.
    `UPDATE bus.log SET maintained_at = statement_timestamp()
     WHERE maintained_at IS NULL OR maintained_at <= statement_timestamp() - make_interval(secs => $1::float8 * 0.9 / 1000)
     RETURNING 1`,
    [everyMs],
  );
  return taken.length > 0;
}

/**
 * Deletes what nobody needs: of compacted topics every record that a newer one of the same key replaces, once every group that comes back has read it
 * (each order is recorded, not the last one alone); of the others what is older than the retention and was read. Offsets stay as they are; readers skip
 * the gaps. Old days are dropped as a whole, which costs the same whatever is in them; row by row goes what is kept for less than a day, or lies outside of the days. Only one process does it at a time.
 */
export async function maintain(database: Database, keptFor: KeptFor, nowMs: number): Promise<Deleted> {
  const before = { readMs: nowMs - keptFor.readMs, unreadMs: nowMs - keptFor.unreadMs };
  await prepareSegments(database);
  const unread = new Map<string, number>();
  const note = (reader: string, count: number): void => void unread.set(reader, (unread.get(reader) ?? 0) + count);
  const table = keptFor.readMs < DAY_MS ? 'bus.record' : 'bus.record_rest';
  const deleted = (step: () => Promise<readonly DeletedRow[]>): Promise<number> =>
    untilNothingIsLeft(async () => {
      const rows = await step();
      for (const { reader } of rows) if (reader !== null) note(reader, 1);
      return rows;
    });
  const compacted = await deleted(() => compact(database, before));
  const dropped = await dropOldSegments(database, before);
  for (const [reader, count] of dropped.unread) note(reader, count);
  const trimmed = await deleted(() => trim(database, table, before));
  return { records: compacted + dropped.records + trimmed, unread };
}

interface DeletedRow {
  /** Who had not read it; null: nobody has missed it. */
  readonly reader: string | null;
}

/**
 * A step that took little may have left much: what it takes of one partition is bounded as well.
 * @returns how many rows were deleted
 */
async function untilNothingIsLeft(step: () => Promise<readonly DeletedRow[]>): Promise<number> {
  let deleted = 0;
  for (let rows = await step(); rows.length > 0; rows = await step()) deleted += rows.length;
  return deleted;
}

function compact(database: Database, { unreadMs }: OldBefore): Promise<readonly DeletedRow[]> {
  return underLock(
    database,
    `WITH part AS MATERIALIZED (
       SELECT p.topic_id, p.partition, behind."offset" AS unread, ${READER_BEHIND} AS reader
       FROM bus.partition p JOIN bus.topic t USING (topic_id)
       ${FURTHEST_BEHIND}
       WHERE t.compacted
     )
     DELETE FROM bus.record r USING (
       SELECT topic_id, partition, "offset", CASE WHEN "offset" >= unread THEN reader END AS reader
       FROM (
         SELECT topic_id, partition, "offset", timestamp_ms,
                row_number() OVER (PARTITION BY topic_id, partition, key ORDER BY "offset" DESC) AS age
         FROM bus.record WHERE topic_id IN (SELECT topic_id FROM part) AND key IS NOT NULL
       ) aged JOIN part USING (topic_id, partition)
       WHERE age > 1 AND (unread IS NULL OR "offset" < unread OR timestamp_ms < $1)
       LIMIT ${MOST_ROWS_PER_STEP}
     ) old
     WHERE (r.topic_id, r.partition, r."offset") = (old.topic_id, old.partition, old."offset")
     RETURNING old.reader`,
    [unreadMs],
  );
}

/**
 * Offsets grow with time, so the oldest records of a partition are its first ones: no index on time is needed. A group that keeps its positions with its
 * own facts stands where those say: the bus may have noted more of it than was written.
 */
function trim(
  database: Database,
  table: 'bus.record' | 'bus.record_rest',
  before: OldBefore,
): Promise<readonly DeletedRow[]> {
  return underLock(
    database,
    `DELETE FROM bus.record r USING (
       SELECT o.topic_id, o.partition, o."offset",
              CASE WHEN o."offset" >= behind."offset" THEN ${READER_BEHIND} END AS reader
       FROM bus.partition p JOIN bus.topic t USING (topic_id)
       ${FURTHEST_BEHIND}
       CROSS JOIN LATERAL (
         SELECT * FROM ${table} WHERE topic_id = p.topic_id AND partition = p.partition ORDER BY "offset" LIMIT 1000
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

async function underLock(database: Database, sql: string, values: readonly unknown[]): Promise<readonly DeletedRow[]> {
  const rows = await underMaintenanceLock(database, (tx) =>
    tx.query<DeletedRow>(sql, values, { answerWithinMs: LONGEST_STEP_MS }),
  );
  return rows ?? [];
}
