import { setTimeout as pause } from 'node:timers/promises';
import type { Database, Queryable } from '../../postgres/database.js';
import { textDigest } from '../../schema/fact-keys.js';

/** Whose data goes, and who says so. */
export interface ErasureRequest {
  /** Every name by which the unit was told. */
  readonly names: readonly string[];
  readonly actor: string;
  readonly reason: string;
}

/** How many rows of a unit were erased, by table. */
export type ErasedRows = Readonly<Record<string, number>>;

/** The tables are read through: no index is kept for what happens once in a while. */
const ANSWER_WITHIN_MS = 1_800_000;

/**
 * Erases what is kept of a unit: its requests, generations (prompts, addresses of pictures), scores, embeddings and feedback, its prompts in judgements, and its name in
 * analyses. What was counted stays. First it is noted that the unit is erased, so that what is recorded meanwhile, or again, is left out. Erasing it again finds what an erasure
 * that was broken off has left.
 */
export async function eraseUnit(database: Database, request: ErasureRequest): Promise<ErasedRows> {
  const { names } = request;
  await noteOnceFree(database, request);
  const ask = <Row extends object>(sql: string, ...values: readonly unknown[]): Promise<Row[]> =>
    database.query<Row>(sql, values, { answerWithinMs: ANSWER_WITHIN_MS });
  const count = async (sql: string, ...values: readonly unknown[]): Promise<number> => {
    const [row] = await ask<{ rows: number }>(
      `with gone as (${sql} returning 1) select count(*)::integer as rows from gone`,
      ...values,
    );
    return row!.rows;
  };
  const requests = await idsOf(
    ask,
    'select teststrip.id_of(request_id) as id from teststrip.request_facts where unit = any($1)',
    names,
  );
  const generations = await idsOf(
    ask,
    `select teststrip.id_of(generation_id) as id from teststrip.generation_facts
      where unit = any($1) or request_id in (${PACKED})`,
    names,
    requests,
  );
  // What leads to others goes last: an erasure that is broken off is begun again.
  const rows = {
    feedback: await count(
      'delete from teststrip.feedback where unit = any($1) or request_id = any($2)',
      names,
      requests,
    ),
    image_scores: await eraseScores(ask, names, generations),
    preferences: await count(
      `update teststrip.preferences set prompt = 'erased: ' || event_id
        where left_generation_id = any($1) or right_generation_id = any($1)`,
      generations,
    ),
    analyses: await count(
      `update teststrip.analyses set analysis = jsonb_set(analysis, '{health,unitIds,heaviest}', 'null')
        where analysis #>> '{health,unitIds,heaviest,unit}' = any($1)`,
      names,
    ),
    generations: await count(
      `delete from teststrip.generation_facts where unit = any($1) or request_id in (${PACKED})`,
      names,
      requests,
    ),
    requests: await count('delete from teststrip.request_facts where unit = any($1)', names),
  };
  await ask(
    `update teststrip.erasures set done_at = now(), rows = $2 where unit_digest = any($1::bigint[])`,
    digestsOf(names),
    JSON.stringify(rows),
  );
  return rows;
}

/** The second value, ids, as the tables keep them. */
const PACKED = 'select teststrip.packed_id(id) from unnest($2::text[]) as id';

type Ask = <Row extends object>(sql: string, ...values: readonly unknown[]) => Promise<Row[]>;

async function idsOf(ask: Ask, sql: string, ...values: readonly unknown[]): Promise<readonly string[]> {
  return (await ask<{ id: string }>(sql, ...values)).map(({ id }) => id);
}

async function eraseScores(ask: Ask, names: readonly string[], generations: readonly string[]): Promise<number> {
  const [row] = await ask<{ rows: number }>(
    `with gone as (
       delete from teststrip.score_facts where unit = any($1) or generation_id in (${PACKED}) returning scored_at, event_digest
     ), embeddings as (
       delete from teststrip.image_embeddings as held using gone
        where (held.scored_at, held.event_digest) = (gone.scored_at, gone.event_digest)
     )
     select count(*)::integer as rows from gone`,
    names,
    generations,
  );
  return row!.rows;
}

/** Whoever records waits behind who waits for the lock: not for long, and then they have their turn before it is tried again. */
const LOCKED_AT_MOST_MS = 500;
const ATTEMPTS = 60;
/** SQLSTATE: locked for longer. */
const LOCKED = '55P03';

async function noteOnceFree(database: Database, request: ErasureRequest): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await database.transaction((tx) => note(tx, request), { lockedAtMostMs: LOCKED_AT_MOST_MS });
    } catch (error) {
      if ((error as { readonly code?: unknown }).code !== LOCKED || attempt === ATTEMPTS) throw error;
      await pause(LOCKED_AT_MOST_MS);
    }
  }
}

/** Waits for the transactions that have looked who is erased; those that come after see it. */
async function note(tx: Queryable, { names, actor, reason }: ErasureRequest): Promise<void> {
  await tx.query('lock table teststrip.erasures in access exclusive mode');
  await tx.query(
    `insert into teststrip.erasures (unit_digest, erased_at, actor, reason)
     select digest, clock_timestamp(), $2, $3 from unnest($1::bigint[]) as digest
     on conflict (unit_digest) do update set erased_at = excluded.erased_at, actor = excluded.actor, reason = excluded.reason, done_at = null`,
    [digestsOf(names), actor, reason],
  );
}

export function unitDigest(name: string): string {
  return textDigest(`unit:${name}`);
}

function digestsOf(names: readonly string[]): readonly string[] {
  return [...new Set(names)].map(unitDigest);
}
