import type { Database, Queryable } from '../../postgres/database.js';
import { dateOf, DAY_MS, type FactTable } from './fact-tables.js';

/** Made before their time, so that midnight is like any other moment, and a clock that is wrong by a day or two loses nothing. */
const DAYS_AHEAD = 3;
/** Of a table of which nothing was ever dropped: made-up times make no more tables than this. */
const MOST_DAYS_BACK = 3_660;
/** Who reads or writes for long must not have all others wait behind a table that is made or dropped. */
const LOCKED_AT_MOST_MS = 2_000;
/** Any number that nobody else locks: one process at a time makes and drops tables of days. */
const DAYS_LOCK = 5_347_201_168;

/** Days whose facts a table takes. */
export interface KeptDays {
  readonly from: number;
  readonly to: number;
}

/**
 * Tables of facts lie in one table for each day (UTC), `teststrip.request_facts_20261127`, which is dropped as a whole. They are made ahead, and where facts of a day come
 * for which there is none. Days that were dropped stay dropped.
 */
export class FactDays {
  private readonly known = new Map<FactTable, Set<number>>();

  constructor(private readonly database: Database) {}

  /**
   * Makes the tables that are missing for days that the table takes.
   * @returns what it takes, where that is not all of them
   */
  async open(table: FactTable, days: ReadonlySet<number>): Promise<KeptDays | undefined> {
    const known = this.known.get(table) ?? new Set();
    const missing = [...days].filter((day) => !known.has(day));
    if (missing.length === 0) return undefined;
    const kept = await this.make(table, missing);
    const taken = missing.filter((day) => isKept(day, kept));
    this.known.set(table, new Set([...known, ...taken]));
    return taken.length < missing.length ? kept : undefined;
  }

  /** Makes the tables of today and of the days that follow. */
  async openAhead(table: FactTable): Promise<void> {
    const [row] = await this.database.query<{ today: number }>(`select ${TODAY} as today`);
    const days = Array.from({ length: DAYS_AHEAD + 1 }, (_, ahead) => row!.today + ahead);
    await this.open(table, new Set(days));
  }

  /**
   * Drops the days that were over before `beforeMs`, ms since 1970; the table takes no facts of them any more.
   * @returns the dates of those that there were
   */
  async drop(table: FactTable, beforeMs: number): Promise<readonly string[]> {
    const from = Math.floor(beforeMs / DAY_MS);
    const dropped = await this.alone(async (tx) => {
      await tx.query(
        `insert into teststrip.fact_horizons as held (fact_table, kept_from) values ($1, $2)
         on conflict (fact_table) do update set kept_from = excluded.kept_from where held.kept_from < excluded.kept_from`,
        [table, dateOf(from)],
      );
      const old = [...(await daysOf(tx, table))].filter((day) => day < from);
      for (const day of old) await tx.query(`drop table teststrip.${nameOf(table, day)}`);
      return old;
    });
    // Of those that another recorder has dropped as well.
    this.known.set(table, new Set([...(this.known.get(table) ?? [])].filter((day) => day >= from)));
    return dropped.map(dateOf);
  }

  private make(table: FactTable, days: readonly number[]): Promise<KeptDays> {
    return this.alone(async (tx) => {
      const kept = await keptDaysOf(tx, table);
      const there = await daysOf(tx, table);
      for (const day of days) if (isKept(day, kept) && !there.has(day)) await createDay(tx, table, day);
      return kept;
    });
  }

  private alone<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    return this.database.transaction(
      async (tx) => {
        await tx.query('select pg_advisory_xact_lock($1)', [DAYS_LOCK]);
        return work(tx);
      },
      { lockedAtMostMs: LOCKED_AT_MOST_MS },
    );
  }
}

export function isKept(day: number, { from, to }: KeptDays): boolean {
  return day >= from && day <= to;
}

/** By the database's clock. */
const TODAY = 'floor(extract(epoch from statement_timestamp()) / 86400)::integer';

async function keptDaysOf(tx: Queryable, table: FactTable): Promise<KeptDays> {
  const [row] = await tx.query<{ today: number; from: number | null }>(
    `select ${TODAY} as today, (select kept_from - date '1970-01-01' from teststrip.fact_horizons where fact_table = $1) as from`,
    [table],
  );
  const { today, from } = row!;
  return { from: from ?? today - MOST_DAYS_BACK, to: today + DAYS_AHEAD };
}

async function daysOf(tx: Queryable, table: FactTable): Promise<ReadonlySet<number>> {
  const rows = await tx.query<{ digits: string }>(
    `select right(c.relname, 8) as digits from pg_inherits join pg_class c on c.oid = inhrelid
      where inhparent = 'teststrip.${table}'::regclass order by 1`,
  );
  return new Set(
    rows.map(({ digits }) => {
      const [year, month, day] = [digits.slice(0, 4), digits.slice(4, 6), digits.slice(6)].map(Number);
      return Date.UTC(year!, month! - 1, day) / DAY_MS;
    }),
  );
}

/** Attached, not made as a part: readers and writers of the other days go on meanwhile. */
async function createDay(tx: Queryable, table: FactTable, day: number): Promise<void> {
  const name = nameOf(table, day);
  await tx.query(
    `create table teststrip.${name} (like teststrip.${table} including defaults including constraints including indexes including storage)`,
  );
  await tx.query(
    `alter table teststrip.${table} attach partition teststrip.${name}
       for values from ('${dateOf(day)} 00:00:00+00') to ('${dateOf(day + 1)} 00:00:00+00')`,
  );
}

function nameOf(table: FactTable, day: number): string {
  return `${table}_${dateOf(day).replaceAll('-', '')}`;
}
