import type { Queryable } from '../postgres/database.js';

/** One event of libs/delivery on its way into the audit log. */
export interface NewDecisionEvent {
  readonly revision: number;
  /** The event's name, e.g. `stage-advanced`. */
  readonly kind: string;
  /** The whole event as JSON. */
  readonly data: unknown;
  /** Who: `controller`, or the operator's name. */
  readonly actor: string;
  readonly occurredAtMs: number;
}

/**
 * Appends to the experiment's log. Sequence numbers continue without gaps: the caller holds the experiment's row lock
 * (it has just saved it), so nobody else appends meanwhile.
 */
export async function appendDecisionEvents(
  tx: Queryable,
  experiment: string,
  events: readonly NewDecisionEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await tx.query(
    `insert into teststrip.decision_events (experiment, sequence, revision, kind, data, actor, occurred_at)
     select $1, last.sequence + given.position, given.revision, given.kind, given.data, given.actor,
            to_timestamp(given.occurred_at_ms / 1000)
       from (select coalesce(max(sequence), 0) as sequence from teststrip.decision_events where experiment = $1) as last,
            unnest($2::integer[], $3::text[], $4::jsonb[], $5::text[], $6::float8[]) with ordinality
              as given (revision, kind, data, actor, occurred_at_ms, position)`,
    [
      experiment,
      events.map(({ revision }) => revision),
      events.map(({ kind }) => kind),
      events.map(({ data }) => JSON.stringify(data)),
      events.map(({ actor }) => actor),
      events.map(({ occurredAtMs }) => occurredAtMs),
    ],
  );
}
