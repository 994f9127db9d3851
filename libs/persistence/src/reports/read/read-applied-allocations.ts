import type { Queryable } from '../../postgres/database.js';

export interface RecordedApplication {
  readonly commandId: string;
  readonly epoch: number;
  readonly router: string;
  readonly outcome: 'applied' | 'refused';
  readonly reason: string | null;
  readonly weightsPpm: Readonly<Record<string, number>>;
  readonly appliedAt: Date;
}

/** What the routers made of the commands of one revision, in order. */
export async function readAppliedAllocations(
  database: Queryable,
  experiment: string,
  revision: number,
): Promise<readonly RecordedApplication[]> {
  return database.query<RecordedApplication>(
    `select command_id as "commandId", epoch, router, outcome, reason, weights_ppm as "weightsPpm",
            applied_at as "appliedAt"
       from teststrip.applied_allocations
      where experiment = $1 and revision = $2
      order by epoch, applied_at, router`,
    [experiment, revision],
  );
}
