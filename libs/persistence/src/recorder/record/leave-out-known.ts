import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { DAY_MS, dateOf, FACT_TABLES, type FactTable } from '../days/fact-tables.js';
import type { PreparedFact } from './prepared-fact.js';

/** As long as a log is kept at most, unless somebody says otherwise; so that one wrong clock does not have all days searched. */
const MOST_DAYS_BACK = 31;

/** Clocks differ, and an assignment that comes without a time gets that of its event. */
const LATE_BY_MS = 3_600_000;

/** Facts of a table that are looked for among the same days. */
interface Span {
  readonly table: FactTable;
  readonly fromDay: number;
  toDay: number;
  readonly digests: string[];
}

/**
 * The facts without those that are there already, whatever time they say: a score that is published again has a new one, and so has what other programs send again without a
 * time. The first stays, also of two that come together. Looked for are the days since its request was assigned, as nothing is told of a request before that, or without an assignment
 * the day before; the day of the event; and the day after. Two that come at the same moment are in one partition, as the evidence needs them to be, and a partition's transactions follow one
 * another.
 */
export async function leaveOutKnown(tx: Queryable, facts: readonly PreparedFact[]): Promise<readonly PreparedFact[]> {
  const search = new Search();
  const once = facts.filter((fact) => search.add(fact));
  const known = await search.run(tx);
  return known.size === 0
    ? once
    : once.filter(({ place }) => place === undefined || !known.has(`${place.table} ${place.digest}`));
}

class Search {
  private readonly seen = new Map<FactTable, Set<string>>();
  private readonly spans = new Map<FactTable, Map<number, Span>>();

  /** @returns false where the same event was added before. */
  add({ event, place }: PreparedFact): boolean {
    if (!place) return true;
    const { table, day, digest } = place;
    const seen = valueOf(this.seen, table, () => new Set<string>());
    if (seen.has(digest)) return false;
    seen.add(digest);
    // What is no time, Postgres is to refuse.
    if (!Number.isNaN(day)) this.spanOf(event, table, day).digests.push(digest);
    return true;
  }

  /** Not prepared: planned for the days that are asked, and for tables as large as they are by now. */
  async run(tx: Queryable): Promise<ReadonlySet<string>> {
    const all = [...this.spans.values()].flatMap((spans) => [...spans.values()]);
    if (all.length === 0) return new Set();
    const rows = await tx.query<{ name: string }>(
      all.map(({ table }, index) => selectOf(table, index * VALUES_OF_A_SPAN)).join(' union all '),
      all.flatMap(({ digests, fromDay, toDay }) => [`{${digests.join()}}`, startOf(fromDay), startOf(toDay + 1)]),
    );
    return new Set(rows.map(({ name }) => name));
  }

  private spanOf(event: TeststripEvent, table: FactTable, day: number): Span {
    const fromDay = Math.max(beganOn(event, day) ?? day - 1, day - MOST_DAYS_BACK);
    const spans = valueOf(this.spans, table, () => new Map<number, Span>());
    const span = valueOf(spans, fromDay, () => ({ table, fromDay, toDay: day + 1, digests: [] }));
    span.toDay = Math.max(span.toDay, day + 1);
    return span;
  }
}

const VALUES_OF_A_SPAN = 3;

function selectOf(table: FactTable, valuesBefore: number): string {
  const time = FACT_TABLES[table];
  const [digests, from, to] = [1, 2, 3].map((value) => `$${valuesBefore + value}`);
  return `select '${table} ' || event_digest as name from teststrip.${table}
    where event_digest = any(${digests}::bigint[]) and ${time} >= ${from}::timestamptz and ${time} < ${to}::timestamptz`;
}

/** The earliest day on which something can have been told of the event's request; undefined: that is not known. */
function beganOn(event: TeststripEvent, day: number): number | undefined {
  const { assignment } = event.data as { readonly assignment?: { readonly assignedAt: string } | null };
  const assignedMs = Date.parse(assignment?.assignedAt ?? '');
  if (Number.isNaN(assignedMs)) return undefined;
  return Math.min(day, Math.floor((assignedMs - LATE_BY_MS) / DAY_MS));
}

function startOf(day: number): string {
  return `${dateOf(day)} 00:00:00+00`;
}

function valueOf<Key, Value>(map: Map<Key, Value>, key: Key, fresh: () => Value): Value {
  const held = map.get(key);
  if (held !== undefined) return held;
  const value = fresh();
  map.set(key, value);
  return value;
}
