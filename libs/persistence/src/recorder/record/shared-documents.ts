import type { Database } from '../../postgres/database.js';
import { toPostgresJson } from './insert-json-rows.js';
import type { PreparedFact } from './prepared-fact.js';

/** More are the configurations of somebody who writes something new into each: they are looked up in the table again. */
const MOST_REMEMBERED = 20_000;

/** What many facts say alike is kept once, and named by its digest. Documents are there before the facts that name them. */
export class SharedDocuments {
  /** By digest, the newest day that the table has of it. */
  private readonly remembered = new Map<string, number>();

  constructor(private readonly database: Database) {}

  /** Keeps what these facts share and no earlier one of their day has said. */
  async keep(facts: readonly PreparedFact[]): Promise<void> {
    const fresh = new Map<string, { readonly digest: string; readonly document: object; readonly day: number }>();
    for (const { context, place } of facts) {
      if (context === undefined || place === undefined || Number.isNaN(place.day)) continue;
      const { digest, document } = context;
      const { day } = place;
      const newest = Math.max(this.remembered.get(digest) ?? -Infinity, fresh.get(digest)?.day ?? -Infinity);
      if (newest < day) fresh.set(digest, { digest, document, day });
    }
    if (fresh.size === 0) return;
    await this.insert([...fresh.values()]);
    if (this.remembered.size > MOST_REMEMBERED) this.remembered.clear();
    for (const { digest, day } of fresh.values()) this.remembered.set(digest, day);
  }

  /** Deletes what no fact says that is kept. */
  async forget(beforeDay: number): Promise<void> {
    await this.database.query(
      `delete from teststrip.shared_documents where last_day < date '1970-01-01' + $1::integer`,
      [beforeDay],
    );
    for (const [digest, day] of this.remembered) if (day < beforeDay) this.remembered.delete(digest);
  }

  private async insert(rows: readonly object[]): Promise<void> {
    await this.database.query(
      `insert into teststrip.shared_documents as held (digest, document, last_day)
       select digest, document, date '1970-01-01' + day
         from json_to_recordset($1::json) as given (digest bigint, document jsonb, day integer)
        order by digest
       on conflict (digest) do update set last_day = excluded.last_day where held.last_day < excluded.last_day`,
      [toPostgresJson(rows)],
    );
  }
}
