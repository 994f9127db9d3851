import type { Database } from '../../postgres/database.js';

/** How many rows were deleted, by table. */
export type ForgottenFacts = Readonly<Record<keyof typeof STATEMENTS, number>>;

/** Deletes raw facts older than `beforeMs`, in small transactions so that recording is never held up for long. */
export async function forgetFacts(database: Database, beforeMs: number): Promise<ForgottenFacts> {
  return {
    requests: await forgetRows(database, STATEMENTS.requests, beforeMs),
    generations: await forgetRows(database, STATEMENTS.generations, beforeMs),
    image_scores: await forgetRows(database, STATEMENTS.image_scores, beforeMs),
    feedback: await forgetRows(database, STATEMENTS.feedback, beforeMs),
  };
}

/** SQL, because TypeORM's `delete` has no limit. $1: milliseconds; $2: rows. */
const STATEMENTS = {
  requests: `delete from teststrip.requests where ctid = any (array(
    select ctid from teststrip.requests where started_at < to_timestamp($1::float8 / 1000) limit $2))`,
  generations: `delete from teststrip.generations where ctid = any (array(
    select ctid from teststrip.generations where completed_at < to_timestamp($1::float8 / 1000) limit $2))`,
  image_scores: `delete from teststrip.image_scores where ctid = any (array(
    select ctid from teststrip.image_scores where scored_at < to_timestamp($1::float8 / 1000) limit $2))`,
  feedback: `delete from teststrip.feedback where ctid = any (array(
    select ctid from teststrip.feedback where given_at < to_timestamp($1::float8 / 1000) limit $2))`,
};

const ROWS_PER_TRANSACTION = 5_000;

async function forgetRows(database: Database, statement: string, beforeMs: number): Promise<number> {
  let total = 0;
  for (;;) {
    const gone = await database.query<{ rows: number }>(
      `with gone as (${statement} returning 1) select count(*)::integer as rows from gone`,
      [beforeMs, ROWS_PER_TRANSACTION],
      { answerWithinMs: 600_000 },
    );
    const rows = gone[0]?.rows ?? 0;
    total += rows;
    if (rows < ROWS_PER_TRANSACTION) return total;
  }
}
