import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';
import { ownColumns } from './own-columns.js';

export async function recordFeedback(
  tx: Queryable,
  events: readonly TeststripEvent<'feedback.recorded.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map((event) => ({
      ...ownColumns(event),
      experiment: event.data.assignment?.experiment,
      revision: event.data.assignment?.revision,
      variant: event.data.assignment?.variant,
      request_id: event.data.requestId,
      generation_id: event.data.generationId,
      service: event.data.service,
      kind: event.data.kind,
      rating: event.data.rating,
      given_at: event.data.givenAt,
    })),
  );
}

const STATEMENT = insertNewFacts('insert into teststrip.feedback', 'event_digest, given_at');
