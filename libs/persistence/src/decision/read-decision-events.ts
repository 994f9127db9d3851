import type { Queryable } from '../postgres/database.js';

export interface StoredDecisionEvent {
  readonly experiment: string;
  /** 1, 2, 3 … per experiment. */
  readonly sequence: number;
  readonly revision: number;
  readonly kind: string;
  readonly data: unknown;
  readonly actor: string;
  readonly occurredAt: Date;
  readonly recordedAt: Date;
}

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
  database: Queryable,
  experiment: string,
  { revision, afterSequence, limit }: DecisionEventRange,
): Promise<readonly StoredDecisionEvent[]> {
  return database.query<StoredDecisionEvent>(
    `select experiment, sequence, revision, kind, data, actor,
            occurred_at as "occurredAt", recorded_at as "recordedAt"
       from teststrip.decision_events
      where experiment = $1 and ($2::integer is null or revision = $2) and sequence > $3
      order by sequence
      limit $4`,
    [experiment, revision ?? null, afterSequence ?? 0, limit ?? null],
  );
}
