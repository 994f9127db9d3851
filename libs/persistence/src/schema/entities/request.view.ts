import { ViewColumn, ViewEntity } from 'typeorm';
import type { Assignment, PairMark, RequestRouted } from '#libs/contracts';
import { SCHEMA } from './schema-name.js';

/** What the router saw of one request: `request.routed.v1`. */
@ViewEntity({
  schema: SCHEMA,
  name: 'requests',
  expression: `
select fact.event_digest, teststrip.id_of(fact.request_id) as request_id, context.document ->> 'service' as service,
       context.document -> 'assignment' ->> 'experiment' as experiment,
       (context.document -> 'assignment' ->> 'revision')::integer as revision,
       context.document -> 'assignment' ->> 'variant' as variant, fact.unit,
       (context.document -> 'assignment' ->> 'epoch')::integer as epoch,
       nullif(context.document -> 'assignment', 'null') as assignment, fact.assigned_at, fact.pair,
       context.document ->> 'slot' as slot, context.document ->> 'upstream' as upstream,
       context.document ->> 'outcome' as outcome, (context.document ->> 'status')::integer as status, fact.started_at,
       fact.duration_ms, fact.waited_ms, fact.context
  from teststrip.request_facts as fact
  left join teststrip.shared_documents as context on context.digest = fact.context`,
})
export class RequestView {
  /** Two events with the same digest would be taken for one. */
  @ViewColumn({ name: 'event_digest' })
  readonly eventDigest!: string;

  @ViewColumn({ name: 'request_id' })
  readonly requestId!: string;

  @ViewColumn({ name: 'service' })
  readonly service!: string;

  /** Whose request it was; without an experiment as far as the event says. Null where that is nobody but the request, and in some rows of before. */
  @ViewColumn({ name: 'unit' })
  readonly unit!: string | null;

  /** The assignment without what differs from request to request (`unit`, `assignedAt`, `pair`); null where no experiment applied. */
  @ViewColumn({ name: 'assignment' })
  readonly assignment!: Omit<Assignment, 'unit' | 'assignedAt' | 'pair'> | null;

  @ViewColumn({ name: 'assigned_at' })
  readonly assignedAt!: Date | null;

  /** Of a request that goes through two variants. */
  @ViewColumn({ name: 'pair' })
  readonly pair!: PairMark | null;

  /** The part of a divided service that the unit is in: a slot's id, `holdout` or `free`. Null where one slot spans the service, and in rows of before. */
  @ViewColumn({ name: 'slot' })
  readonly slot!: string | null;

  @ViewColumn({ name: 'outcome' })
  readonly outcome!: RequestRouted['outcome'];

  @ViewColumn({ name: 'status' })
  readonly status!: number | null;

  @ViewColumn({ name: 'started_at' })
  readonly startedAt!: Date;

  /** Null when no complete response came. */
  @ViewColumn({ name: 'duration_ms' })
  readonly durationMs!: number | null;

  /** How long the client waited before it went away. */
  @ViewColumn({ name: 'waited_ms' })
  readonly waitedMs!: number | null;
}
