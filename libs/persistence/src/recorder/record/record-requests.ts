import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { assignmentColumns } from './assignment-columns.js';
import { insertJsonRows } from './insert-json-rows.js';

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
    events.map(({ id, subject, data }) => ({
      event_id: id,
      request_id: data.requestId,
      service: data.service,
      ...assignmentColumns(data.assignment),
      ...(data.slot === undefined ? {} : { slot: data.slot, unit: data.assignment?.unit ?? subject }),
      assignment: data.assignment,
      upstream: data.upstream,
      outcome: data.outcome,
      status: data.status,
      started_at: data.startedAt,
      duration_ms: data.durationMs,
    })),
  );
}

const STATEMENT = {
  name: 'record-requests',
  sql: `
with inserted as (
  insert into teststrip.requests
  select * from json_populate_recordset(null::teststrip.requests, $1::json)
  on conflict (event_id) do nothing
  returning experiment, revision, variant, (assignment ->> 'epoch')::integer as epoch, outcome, started_at,
    assignment -> 'pair' ->> 'candidate' is not distinct from variant as is_copy
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
