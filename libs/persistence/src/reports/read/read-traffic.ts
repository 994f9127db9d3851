import { presentOutcome } from '#libs/contracts';
import type { Database } from '../../postgres/database.js';
import { TrafficEntity } from '../../schema/entities/traffic.entity.js';

export type TrafficCount = Omit<TrafficEntity, 'experiment' | 'revision'>;

/** Requests of one revision, counted by variant, epoch and outcome; rows of before under the outcome's present name. */
export async function readTraffic(
  database: Database,
  experiment: string,
  revision: number,
): Promise<readonly TrafficCount[]> {
  const reads = await database.reads();
  const counts = await reads.find(TrafficEntity, {
    where: { experiment, revision },
    order: { variant: 'asc', epoch: 'asc', outcome: 'asc' },
  });
  return counts.map((count) => ({ ...count, outcome: presentOutcome(count.outcome) as TrafficCount['outcome'] }));
}
