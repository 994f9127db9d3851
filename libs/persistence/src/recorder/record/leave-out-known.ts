import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { DAY_MS, dateOf, FACT_TABLES, type FactTable } from '../days/fact-tables.js';
import { ownDigest, serviceOf } from './digest.js';
import { prepareUnder, type PreparedFact } from './prepared-fact.js';

/** As long as a log is kept at most, unless somebody says otherwise; so that one wrong clock does not have all days searched. */
const MOST_DAYS_BACK = 31;

/** Clocks differ, and an assignment that comes without a time gets that of its event. */
const LATE_BY_MS = 3_600_000;

/** Facts of a table that are looked for among the same days. */
interface Span {
  readonly table: FactTable;
  readonly fromDay: number;
  readonly digests: string[];
}

/**
 * The facts without those that are there already, whatever time they say: a score that is published again has a new one, and so has what other programs send again without a
 * time. The first stays, also of two that come together. Looked for are all days since its request was assigned, as nothing is told of a request before that, and no day before the event's;
 * without an assignment those since the day before, and of what does not say its time (it has that of its arrival) all that a log goes back. No day has an end of its own: what is there
 * may have been stamped later. For what happens now that is one day, and those that are ahead and empty. Two that come at the same moment are in one partition, as the evidence needs them to be, and a partition's transactions follow one
 * another. What another service has said under an event's id is another event: the one that comes later gets a digest of its own, under which it is looked for as well.
 */
export async function leaveOutKnown(tx: Queryable, facts: readonly PreparedFact[]): Promise<readonly PreparedFact[]> {
  const { fresh, namesakes } = await sort(tx, facts);
  if (namesakes.length === 0) return fresh;
  const own = namesakes.map((fact) => prepareUnder(ownDigest(fact.event), fact));
  return [...fresh, ...(await sort(tx, own)).fresh];
}

interface Sorted {
  readonly fresh: readonly PreparedFact[];
  /** Their digests are those of other services' events. */
  readonly namesakes: readonly PreparedFact[];
}

async function sort(tx: Queryable, facts: readonly PreparedFact[]): Promise<Sorted> {
  const search = new Search();
  for (const fact of facts) search.add(fact);
  const known = await search.run(tx);
  const sorted = { fresh: [] as PreparedFact[], namesakes: [] as PreparedFact[] };
  for (const fact of facts) {
    const { event, place } = fact;
    const holders = place && valueOf(known, `${place.table} ${place.digest}`, () => new Set<string | null>());
    const service = serviceOf(event);
    // Rows of before do not say whose they are.
    if (holders?.has(service) || holders?.has(null)) continue;
    if (holders && holders.size > 0) sorted.namesakes.push(fact);
    else sorted.fresh.push(fact);
    if (holders?.size === 0) holders.add(service);
  }
  return sorted;
}

class Search {
  private readonly seen = new Map<FactTable, Set<string>>();
  private readonly spans = new Map<FactTable, Map<number, Span>>();

  add({ event, place }: PreparedFact): void {
    if (!place) return;
    const { table, day, digest } = place;
    const seen = valueOf(this.seen, table, () => new Set<string>());
    if (seen.has(digest)) return;
    seen.add(digest);
    // What is no time, Postgres is to refuse.
    if (!Number.isNaN(day)) this.spanOf(event, table, day).digests.push(digest);
  }

  /**
   * Not prepared: planned for the days that are asked, and for tables as large as they are by now.
   * @returns by table and digest whose events are there; null: a row of before does not say
   */
  async run(tx: Queryable): Promise<Map<string, Set<string | null>>> {
    const all = [...this.spans.values()].flatMap((spans) => [...spans.values()]);
    const known = new Map<string, Set<string | null>>();
    if (all.length === 0) return known;
    const rows = await tx.query<{ name: string; service: string | null }>(
      all.map(({ table }, index) => selectOf(table, index * VALUES_OF_A_SPAN)).join(' union all '),
      all.flatMap(({ digests, fromDay }) => [`{${digests.join()}}`, startOf(fromDay)]),
    );
    for (const { name, service } of rows) valueOf(known, name, () => new Set<string | null>()).add(service);
    return known;
  }

  private spanOf(event: TeststripEvent, table: FactTable, day: number): Span {
    const fromDay = Math.max(
      beganOn(event, day) ?? day - (saysItsTime(event) ? 1 : MOST_DAYS_BACK),
      day - MOST_DAYS_BACK,
    );
    const spans = valueOf(this.spans, table, () => new Map<number, Span>());
    return valueOf(spans, fromDay, () => ({ table, fromDay, digests: [] }));
  }
}

const VALUES_OF_A_SPAN = 2;

function selectOf(table: FactTable, valuesBefore: number): string {
  const time = FACT_TABLES[table];
  const [digests, from] = [1, 2].map((value) => `$${valuesBefore + value}`);
  const service =
    table === 'feedback'
      ? 'service'
      : "(select document ->> 'service' from teststrip.shared_documents where digest = context)";
  return `select '${table} ' || event_digest as name, ${service} as service from teststrip.${table}
    where event_digest = any(${digests}::bigint[]) and ${time} >= ${from}::timestamptz`;
}

/** What does not has the time of its arrival, which is another one whenever it is sent again. */
function saysItsTime({ mended }: TeststripEvent): boolean {
  return mended?.includes('no-time') !== true;
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
