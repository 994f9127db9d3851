import type { Queryable } from '../postgres/database.js';
import { EXPERIMENT_COLUMNS, type StoredExperiment } from './load-experiment.js';

/** All experiments, by key. */
export async function listExperiments(database: Queryable): Promise<readonly StoredExperiment[]> {
  return database.query<StoredExperiment>(`select ${EXPERIMENT_COLUMNS} from teststrip.experiments order by key`);
}
