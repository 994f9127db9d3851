import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { eventDigest } from './digest.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';
import { factUnit } from './fact-unit.js';

export async function recordFeedback(
  tx: Queryable,
  events: readonly TeststripEvent<'feedback.recorded.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map((event) => ({
      event_digest: eventDigest(event),
      unit: factUnit(event),
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
