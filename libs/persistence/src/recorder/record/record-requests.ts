import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { packedId } from '../../schema/fact-keys.js';
import { contextOf } from './fact-context.js';
import { insertJsonRows } from './insert-json-rows.js';
import { ownColumns } from './own-columns.js';

/**
 * Writes requests and counts the new ones by variant, epoch and outcome in the same statement: a repeated event is neither
 * written nor counted. Copies of pairs are written, but nobody was served by them: they are not counted, nor is who met no experiment, in the holdout for example. Counters are
 * changed in the order of their key, so that two recorders cannot block each other.
 */
export async function recordRequests(
  tx: Queryable,
  events: readonly TeststripEvent<'request.routed.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map((event) => rowOf(event)),
  );
}

function rowOf(event: TeststripEvent<'request.routed.v1'>): object {
  const { data } = event;
  return {
    ...ownColumns(event),
    started_at: data.startedAt,
    context: contextOf(event)!.digest,
    assigned_at: data.assignment?.assignedAt,
    duration_ms: data.durationMs,
    waited_ms: data.waitedMs,
    request_id: packedId(data.requestId),
    pair: data.assignment?.pair,
  };
}

/** Counted by context first: the documents of few are read then. */
const STATEMENT = {
  name: 'record-requests',
  sql: `
with inserted as (
  insert into teststrip.request_facts
  select * from json_populate_recordset(null::teststrip.request_facts, $1::json)
  on conflict (event_digest, started_at) do nothing
  returning context, pair ->> 'candidate' as candidate, started_at
), counted as (
  select context, candidate, count(*) as requests, min(started_at) as first_at, max(started_at) as last_at
    from inserted
   group by context, candidate
), told as (
  select document -> 'assignment' ->> 'experiment' as experiment, (document -> 'assignment' ->> 'revision')::integer as revision,
         document -> 'assignment' ->> 'variant' as variant, (document -> 'assignment' ->> 'epoch')::integer as epoch,
         document ->> 'outcome' as outcome, candidate, requests, first_at, last_at
    from counted join teststrip.shared_documents on digest = context
)
insert into teststrip.traffic as held (experiment, revision, variant, epoch, outcome, requests, first_at, last_at)
select experiment, revision, variant, epoch, outcome, sum(requests), min(first_at), max(last_at)
  from told
 where experiment is not null and candidate is distinct from variant
 group by experiment, revision, variant, epoch, outcome
 order by experiment, revision, variant, epoch, outcome
on conflict (experiment, revision, variant, epoch, outcome) do update
  set requests = held.requests + excluded.requests,
      first_at = least(held.first_at, excluded.first_at),
      last_at = greatest(held.last_at, excluded.last_at)`,
};
