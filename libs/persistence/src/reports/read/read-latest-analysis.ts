import type { ExperimentAnalysed } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';

export async function readLatestAnalysis(
  database: Queryable,
  experiment: string,
  revision: number,
): Promise<ExperimentAnalysed | undefined> {
  const rows = await database.query<{ analysis: ExperimentAnalysed }>(
    `select analysis
       from teststrip.analyses
      where experiment = $1 and revision = $2
      order by second desc, analysed_at desc
      limit 1`,
    [experiment, revision],
  );
  return rows[0]?.analysis;
}
