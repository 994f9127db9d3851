import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { insertJsonRows } from './insert-json-rows.js';

/** Keeps the newest heartbeat of each controller. */
export async function recordHeartbeats(
  tx: Queryable,
  events: readonly TeststripEvent<'controller.heartbeat.v1'>[],
): Promise<void> {
  const newest = new Map<string, TeststripEvent<'controller.heartbeat.v1'>['data']>();
  for (const { data } of events) {
    const known = newest.get(data.controller);
    if (known === undefined || Date.parse(data.at) > Date.parse(known.at)) newest.set(data.controller, data);
  }
  await insertJsonRows(
    tx,
    STATEMENT,
    [...newest.values()].map(({ controller, at, running }) => ({ controller, last_heartbeat_at: at, running })),
  );
}

const STATEMENT = {
  name: 'record-heartbeats',
  sql: `
insert into teststrip.controllers as held
select * from json_populate_recordset(null::teststrip.controllers, $1::json)
 order by controller
on conflict (controller) do update
  set last_heartbeat_at = excluded.last_heartbeat_at, running = excluded.running
  where held.last_heartbeat_at < excluded.last_heartbeat_at`,
};
