import type { ExperimentAnalysed } from '#libs/contracts';
import type { Database } from '../../postgres/database.js';
import { AnalysisEntity } from '../../schema/entities/analysis.entity.js';

export async function readLatestAnalysis(
  database: Database,
  experiment: string,
  revision: number,
): Promise<ExperimentAnalysed | undefined> {
  const reads = await database.reads();
  const latest = await reads.findOne(AnalysisEntity, {
    where: { experiment, revision },
    order: { second: 'desc', analysedAt: 'desc' },
  });
  return latest?.analysis;
}
