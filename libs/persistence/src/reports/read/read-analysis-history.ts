import type { ExperimentAnalysed } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';

/**
 * The last analysis of each of `points` equal spans between the first and the latest one, oldest first. The rows are
 * chosen by their keys alone, so the large documents of the others are never read.
 */
export async function readAnalysisHistory(
  database: Queryable,
  experiment: string,
  revision: number,
  points: number,
): Promise<readonly ExperimentAnalysed[]> {
  const rows = await database.query<{ analysis: ExperimentAnalysed }>(
    `with keyed as (
       select second, signature, extract(epoch from second) as at,
              extract(epoch from min(second) over ()) as first, extract(epoch from max(second) over ()) as latest
         from teststrip.analyses
        where experiment = $1 and revision = $2
     ), chosen as (
       select distinct on (span) second, signature
         from (select *, width_bucket(at, first, latest + 1, $3) as span from keyed) as spans
        order by span, second desc, signature
     )
     select analysis
       from chosen join teststrip.analyses as held using (second, signature)
      where experiment = $1 and revision = $2
      order by analysed_at`,
    [experiment, revision, points],
  );
  return rows.map(({ analysis }) => analysis);
}
