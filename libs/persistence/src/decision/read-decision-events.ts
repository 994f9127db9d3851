import { MoreThan } from 'typeorm';
import type { Database } from '../postgres/database.js';
import { DecisionEventEntity } from '../schema/entities/decision-event.entity.js';

export type StoredDecisionEvent = DecisionEventEntity;

export interface DecisionEventRange {
  /** Only events of this revision. */
  readonly revision?: number;
  /** Only events after this one. */
  readonly afterSequence?: number;
  /** At most this many. */
  readonly limit?: number;
}

/** The audit log of one experiment, oldest first. */
export async function readDecisionEvents(
  database: Database,
  experiment: string,
  { revision, afterSequence = 0, limit }: DecisionEventRange,
): Promise<readonly StoredDecisionEvent[]> {
  const reads = await database.reads();
  return reads.find(DecisionEventEntity, {
    where: { experiment, sequence: MoreThan(afterSequence), ...(revision === undefined ? {} : { revision }) },
    order: { sequence: 'asc' },
    ...(limit === undefined ? {} : { take: limit }),
  });
}
