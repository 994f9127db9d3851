import type { Queryable } from '../postgres/database.js';
import type { OutboxRecord } from './outbox-record.js';

/** Channel on which the relay is told the topics that records were added to. */
export const OUTBOX_CHANNEL = 'teststrip_outbox';

/**
 * Adds records to the outbox and tells the relay their topics, both taking effect at the commit.
 * Sequence numbers are drawn while writing but seen at the commit, so two open transactions could be published the wrong
 * way round; the lock per key makes them follow one another.
 */
export async function addToOutbox(tx: Queryable, records: readonly OutboxRecord[]): Promise<void> {
  if (records.length === 0) return;
  await tx.query(
    `select pg_advisory_xact_lock($1, hashtext(key))
       from (select distinct key from unnest($2::text[]) as given (key) order by key) as keys`,
    [KEY_LOCKS, records.map(({ key }) => key)],
  );
  await tx.query(
    `insert into teststrip.outbox (topic, key, headers, value)
     select topic, key, headers, value
       from unnest($1::text[], $2::text[], $3::jsonb[], $4::bytea[]) with ordinality
         as given (topic, key, headers, value, position)
      order by position`,
    [
      records.map(({ topic }) => topic),
      records.map(({ key }) => key),
      records.map(({ headers }) => JSON.stringify(headers)),
      records.map(({ value }) => value),
    ],
  );
  await tx.query('select pg_notify($1, topic) from unnest($2::text[]) as given (topic)', [
    OUTBOX_CHANNEL,
    [...new Set(records.map(({ topic }) => topic))],
  ]);
}

/** First half of the advisory locks on keys: the bytes of "outb". */
const KEY_LOCKS = 0x6f_75_74_62;
