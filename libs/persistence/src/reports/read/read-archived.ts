import type { Database } from '../../postgres/database.js';
import { ExperimentEntity } from '../../schema/entities/experiment.entity.js';

/** Keys of the experiments that are archived, as the decision service keeps them: lists leave them out. */
export async function readArchived(database: Database): Promise<ReadonlySet<string>> {
  const reads = await database.reads();
  const archived = await reads
    .createQueryBuilder(ExperimentEntity, 'experiment')
    .select('experiment.key')
    .where(`experiment.state ->> 'archived' = 'true'`)
    .getMany();
  return new Set(archived.map(({ key }) => key));
}
