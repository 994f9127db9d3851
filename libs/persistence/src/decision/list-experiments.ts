import type { Database } from '../postgres/database.js';
import { ExperimentEntity } from '../schema/entities/experiment.entity.js';
import type { StoredExperiment } from './load-experiment.js';

/** All experiments, by key. */
export async function listExperiments(database: Database): Promise<readonly StoredExperiment[]> {
  const reads = await database.reads();
  return reads.find(ExperimentEntity, { order: { key: 'asc' } });
}
