import type { Database } from '../../postgres/database.js';

/** How many rows were deleted, by table. */
export type ForgottenFacts = Readonly<Record<'requests' | 'generations' | 'image_scores' | 'feedback', number>>;

/** Deletes raw facts older than `beforeMs`, in small transactions so that recording is never held up for long. */
export async function forgetFacts(database: Database, beforeMs: number): Promise<ForgottenFacts> {
  return {
    requests: await forgetRows(database, 'requests', 'started_at', beforeMs),
    generations: await forgetRows(database, 'generations', 'completed_at', beforeMs),
    image_scores: await forgetRows(database, 'image_scores', 'scored_at', beforeMs),
    feedback: await forgetRows(database, 'feedback', 'given_at', beforeMs),
  };
}

const ROWS_PER_TRANSACTION = 5_000;

async function forgetRows(database: Database, table: string, time: string, beforeMs: number): Promise<number> {
  let total = 0;
  for (;;) {
    // Table and column are the literals above; only values come from outside, and they are bound.
    const gone = await database.query<{ rows: number }>(
      `with gone as (
         delete from teststrip.${table}
          where ctid = any (array(
            select ctid from teststrip.${table} where ${time} < to_timestamp($1::float8 / 1000) limit $2))
         returning 1)
       select count(*)::integer as rows from gone`,
      [beforeMs, ROWS_PER_TRANSACTION],
    );
    const rows = gone[0]?.rows ?? 0;
    total += rows;
    if (rows < ROWS_PER_TRANSACTION) return total;
  }
}
