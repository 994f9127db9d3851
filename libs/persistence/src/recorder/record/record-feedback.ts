import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { assignmentColumns } from './assignment-columns.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';

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

const STATEMENT = insertNewFacts('insert into teststrip.feedback');
