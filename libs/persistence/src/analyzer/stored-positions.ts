import type { Queryable } from '../postgres/database.js';

/** What one place says of one experiment revision. */
export interface EvidenceName {
  readonly experiment: string;
  readonly revision: number;
  /** Topic and partition. */
  readonly place: string;
}

/** Up to which offset each of these is stored, in their order; undefined: nothing of it is. The evidence itself is not read. */
export async function storedPositions(
  database: Queryable,
  names: readonly EvidenceName[],
): Promise<readonly (number | undefined)[]> {
  if (names.length === 0) return [];
  const rows = await database.query<{ position: number | null }>(
    `select (snapshot.positions ->> given.place)::float8 as position
       from unnest($1::text[], $2::integer[], $3::text[]) with ordinality as given (experiment, revision, place, number)
       left join teststrip.evidence_snapshots as snapshot
         on (snapshot.experiment, snapshot.revision, snapshot.topic_partition) = (given.experiment, given.revision, given.place)
      order by given.number`,
    [names.map(({ experiment }) => experiment), names.map(({ revision }) => revision), names.map(({ place }) => place)],
  );
  return rows.map(({ position }) => position ?? undefined);
}
