import { Logger } from '@nestjs/common';
import type { Database, Queryable } from '#libs/persistence';
import { FURTHEST_BEHIND, READER_BEHIND } from './furthest-behind.js';
import { underMaintenanceLock } from './maintenance-lock.js';

/**
 * The log lies in one table for each day (UTC, by the database's clock), `bus.record_20261127`, which is dropped as a whole. Beside them: `record_kept`,
 * where records of compacted topics go when their day is dropped; `record_rest`, for a day that nobody has made a table for; and `record_before`, the
 * log as it was before there were days, which goes like a day.
 */
const A_DAY = /^record_(\d{4})(\d\d)(\d\d)$/;
const OF_BEFORE = 'record_before';
const DAY_MS = 86_400_000;
/** Maintenance may fail for so many days before records go to `record_rest`. */
const DAYS_AHEAD = 3;
/** A table is made and dropped in a moment; whoever reads the log for long must not make all others wait behind it. */
const LOCKED_AT_MOST_MS = 2_000;
/** SQLSTATE: locked for longer; `record_rest` has records of the day already. Both are tried again with the next maintenance. */
const NOT_NOW = new Set(['55P03', '23514']);

const logger = new Logger('event-bus');

/** Makes the tables of today and of the days that follow. */
export async function prepareSegments(database: Database): Promise<void> {
  const { names, todayMs } = await segmentsOf(database);
  for (let ahead = 0; ahead <= DAYS_AHEAD; ahead++) {
    const segment = segmentOf(todayMs + ahead * DAY_MS);
    if (names.includes(`record_${segment}`)) continue;
    await unlessLocked(`make the table of the log for ${segment}`, () =>
      underMaintenanceLock(
        database,
        (tx) =>
          tx.query(
            `CREATE TABLE IF NOT EXISTS bus.record_${segment} PARTITION OF bus.record FOR VALUES IN (${segment})`,
          ),
        { lockedAtMostMs: LOCKED_AT_MOST_MS },
      ),
    );
  }
}

/** From when on records are kept, milliseconds since 1970. */
export interface OldBefore {
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

/** Drops the days whose youngest record is old enough for everything that is in them. */
export async function dropOldSegments(database: Database, before: OldBefore): Promise<Deleted> {
  const dropped = await unlessLocked('drop old days of the log', () =>
    underMaintenanceLock(database, (tx) => dropSegments(tx, before), { lockedAtMostMs: LOCKED_AT_MOST_MS }),
  );
  return dropped ?? NOTHING_DROPPED;
}

const NOTHING_DROPPED: Deleted = { records: 0, unread: new Map() };

async function dropSegments(tx: Queryable, before: OldBefore): Promise<Deleted> {
  let records = 0;
  const lost = new Map<string, number>();
  const { names } = await segmentsOf(tx);
  for (const name of names) {
    if (name !== OF_BEFORE && !(endOf(name) <= before.readMs)) continue;
    const parts = await partsOf(tx, name);
    const newestMs = Math.max(0, ...parts.map((part) => part.newest_ms));
    const unread = parts.filter((part) => part.behind !== null && part.last >= part.behind);
    if (newestMs >= (unread.length > 0 ? before.unreadMs : before.readMs)) continue;
    await drop(tx, name);
    for (const { first, last } of parts) records += last - first + 1;
    for (const { reader, behind, first, last } of unread)
      lost.set(reader, (lost.get(reader) ?? 0) + last - Math.max(first, behind!) + 1);
  }
  return { records, unread: lost };
}

interface SegmentPart {
  readonly reader: string;
  /** Offset that the group which is furthest behind reads next; null without groups. */
  readonly behind: number | null;
  readonly first: number;
  readonly last: number;
  readonly newest_ms: number;
}

/** The first and the last record of each partition of a topic that is not compacted. */
function partsOf(tx: Queryable, name: string): Promise<readonly SegmentPart[]> {
  return tx.query<SegmentPart>(
    `SELECT ${READER_BEHIND} AS reader, behind."offset" AS behind,
            first."offset" AS first, last."offset" AS last, last.timestamp_ms AS newest_ms
     FROM bus.partition p JOIN bus.topic t USING (topic_id)
     ${FURTHEST_BEHIND}
     CROSS JOIN LATERAL (
       SELECT "offset" FROM bus.${name} WHERE topic_id = p.topic_id AND partition = p.partition ORDER BY "offset" LIMIT 1
     ) first
     CROSS JOIN LATERAL (
       SELECT "offset", timestamp_ms FROM bus.${name} WHERE topic_id = p.topic_id AND partition = p.partition
       ORDER BY "offset" DESC LIMIT 1
     ) last
     WHERE NOT t.compacted`,
  );
}

async function drop(tx: Queryable, name: string): Promise<void> {
  await tx.query(
    `UPDATE bus.record SET segment = 0
     WHERE segment = $1 AND topic_id IN (SELECT topic_id FROM bus.topic WHERE compacted)`,
    [name === OF_BEFORE ? -1 : Number(name.slice('record_'.length))],
  );
  await tx.query(`DROP TABLE bus.${name}`);
}

async function unlessLocked<T>(what: string, work: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    if (code === undefined || !NOT_NOW.has(code)) throw error;
    logger.warn(`can't ${what} now, it is tried again: ${message}`);
    return undefined;
  }
}

async function segmentsOf(
  queryable: Queryable,
): Promise<{ readonly names: readonly string[]; readonly todayMs: number }> {
  const rows = await queryable.query<{ name: string; today: number }>(
    `SELECT c.relname AS name, bus.today() AS today FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
     WHERE inhparent = 'bus.record'::regclass ORDER BY 1`,
  );
  return { names: rows.map(({ name }) => name), todayMs: endOf(`record_${rows[0]!.today}`) - DAY_MS };
}

/** 20261127 */
function segmentOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10).replaceAll('-', '');
}

/** When the day of a table is over, milliseconds since 1970; NaN for the tables beside the days. */
function endOf(name: string): number {
  const [, year, month, day] = A_DAY.exec(name) ?? [];
  return Date.UTC(Number(year), Number(month) - 1, Number(day) + 1);
}
