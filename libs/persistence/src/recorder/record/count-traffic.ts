import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { insertJsonRows } from './insert-json-rows.js';
import type { PreparedFact } from './prepared-fact.js';

/** Requests that say the same. */
interface Count {
  readonly context: string;
  /** Of requests of a pair, who got the copy. */
  readonly candidate: string | undefined;
  requests: number;
  first_at: string;
  last_at: string;
}

/**
 * Counts requests that were recorded for the first time, by variant, epoch and outcome. Copies of pairs are not counted, since nobody was served by them, nor is who met no experiment, in the holdout for
 * example. Counters are changed in the order of their key, so that two recorders cannot block each other.
 */
export async function countTraffic(tx: Queryable, facts: readonly PreparedFact[]): Promise<void> {
  const counts = new Map<string, Count>();
  for (const { event, context } of facts) {
    const { startedAt, assignment } = (event as TeststripEvent<'request.routed.v1'>).data;
    if (assignment === null) continue;
    const candidate = assignment.pair?.candidate;
    const key = `${context!.digest} ${candidate ?? ''}`;
    const count = counts.get(key);
    if (count === undefined) {
      const [requests, first_at, last_at] = [1, startedAt, startedAt];
      counts.set(key, { context: context!.digest, candidate, requests, first_at, last_at });
      continue;
    }
    count.requests += 1;
    if (Date.parse(startedAt) < Date.parse(count.first_at)) count.first_at = startedAt;
    if (Date.parse(startedAt) > Date.parse(count.last_at)) count.last_at = startedAt;
  }
  await insertJsonRows(tx, STATEMENT, [...counts.values()]);
}

const STATEMENT = {
  name: 'count-traffic',
  sql: `
with told as (
  select document -> 'assignment' ->> 'experiment' as experiment, (document -> 'assignment' ->> 'revision')::integer as revision,
         document -> 'assignment' ->> 'variant' as variant, (document -> 'assignment' ->> 'epoch')::integer as epoch,
         document ->> 'outcome' as outcome, candidate, requests, first_at, last_at
    from json_to_recordset($1::json)
           as counted (context bigint, candidate text, requests integer, first_at timestamptz, last_at timestamptz)
         join teststrip.shared_documents on digest = context
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
