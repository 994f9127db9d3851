import type { Database } from '../postgres/database.js';
import { ExperimentEntity } from '../schema/entities/experiment.entity.js';

/** The decision service's state of one experiment; parse `state` and `spec` at the door. */
export type StoredExperiment = ExperimentEntity;

/** The experiment as last committed. */
export async function loadExperiment(database: Database, key: string): Promise<StoredExperiment | undefined> {
  const reads = await database.reads();
  return (await reads.findOneBy(ExperimentEntity, { key })) ?? undefined;
}
