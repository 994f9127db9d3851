import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { assignmentColumns } from './assignment-columns.js';
import { insertJsonRows } from './insert-json-rows.js';

export async function recordFeedback(
  tx: Queryable,
  events: readonly TeststripEvent<'feedback.recorded.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map(({ id, data }) => ({
      event_id: id,
      request_id: data.requestId,
      generation_id: data.generationId,
      service: data.service,
      ...assignmentColumns(data.assignment),
      kind: data.kind,
      rating: data.rating,
      given_at: data.givenAt,
    })),
  );
}

const STATEMENT = {
  name: 'record-feedback',
  sql: `
insert into teststrip.feedback
  (event_id, request_id, generation_id, service, experiment, revision, variant, unit, kind, rating, given_at)
select event_id, request_id, generation_id, service, experiment, revision, variant, unit, kind, rating, given_at
  from json_to_recordset($1::json) as given (event_id text, request_id text, generation_id text, service text,
       experiment text, revision integer, variant text, unit text, kind text, rating double precision,
       given_at timestamptz)
on conflict (event_id) do nothing`,
};
