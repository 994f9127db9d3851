import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { assignedColumns } from './assigned-columns.js';
import { insertJsonRows } from './insert-json-rows.js';
import { documentDigest, sharedAssignment } from './shared-documents.js';

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
  const { assignment } = data;
  return {
    ...assignedColumns(event),
    request_id: data.requestId,
    service: data.service,
    ...(assignment === null
      ? {}
      : {
          epoch: assignment.epoch,
          assignment_digest: documentDigest(sharedAssignment(assignment)),
          assigned_at: assignment.assignedAt,
          pair: assignment.pair,
        }),
    slot: data.slot,
    upstream: data.upstream,
    outcome: data.outcome,
    status: data.status,
    started_at: data.startedAt,
    duration_ms: data.durationMs,
    waited_ms: data.waitedMs,
  };
}

const STATEMENT = {
  name: 'record-requests',
  sql: `
with inserted as (
  insert into teststrip.requests
  select * from json_populate_recordset(null::teststrip.requests, $1::json)
  on conflict (event_digest, started_at) do nothing
  returning experiment, revision, variant, epoch, outcome, started_at,
    pair ->> 'candidate' is not distinct from variant as is_copy
)
insert into teststrip.traffic as held (experiment, revision, variant, epoch, outcome, requests, first_at, last_at)
select experiment, revision, variant, epoch, outcome, count(*), min(started_at), max(started_at)
  from inserted
 where experiment is not null and not is_copy
 group by experiment, revision, variant, epoch, outcome
 order by experiment, revision, variant, epoch, outcome
on conflict (experiment, revision, variant, epoch, outcome) do update
  set requests = held.requests + excluded.requests,
      first_at = least(held.first_at, excluded.first_at),
      last_at = greatest(held.last_at, excluded.last_at)`,
};
