import type { Queryable } from '../postgres/database.js';
import type { TakenPart } from './take-part.js';

/** A place, and the carrier's time up to which all of it is folded, saved and published. */
export interface FoldedPart extends TakenPart {
  readonly untilMs: number;
}

/** Writes down how far places are folded, where they are still in the same hands. */
export async function tellFolded(database: Queryable, parts: readonly FoldedPart[]): Promise<void> {
  if (parts.length === 0) return;
  await database.query(
    `update teststrip.evidence_parts as part set folded_until = to_timestamp(told.until_ms / 1000)
       from unnest($1::text[], $2::integer[], $3::integer[], $4::float8[]) as told (topic, partition, generation, until_ms)
      where (part.topic, part.partition, part.generation) = (told.topic, told.partition, told.generation)`,
    [
      parts.map(({ topic }) => topic),
      parts.map(({ partition }) => partition),
      parts.map(({ generation }) => generation),
      parts.map(({ untilMs }) => untilMs),
    ],
  );
}

/** Up to when every place is folded that was ever told of, ms since 1970; null: none was. */
export async function slowestPart(database: Queryable): Promise<number | null> {
  const [row] = await database.query<{ slowest: Date | null }>(
    'select min(folded_until) as slowest from teststrip.evidence_parts',
  );
  return row?.slowest?.getTime() ?? null;
}
