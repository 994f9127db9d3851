import type { Database } from '../../postgres/database.js';
import { AppliedAllocationEntity } from '../../schema/entities/applied-allocation.entity.js';

export type RecordedApplication = Omit<AppliedAllocationEntity, 'eventId' | 'experiment' | 'revision' | 'commandedAt'>;

/** What the routers made of the commands of one revision, in order. */
export async function readAppliedAllocations(
  database: Database,
  experiment: string,
  revision: number,
): Promise<readonly RecordedApplication[]> {
  const reads = await database.reads();
  return reads.find(AppliedAllocationEntity, {
    where: { experiment, revision },
    order: { epoch: 'asc', appliedAt: 'asc', router: 'asc' },
  });
}
