import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';
import { factUnit } from './fact-unit.js';
import type { PreparedFact } from './prepared-fact.js';

/** @param facts feedback and nothing else */
export async function recordFeedback(tx: Queryable, facts: readonly PreparedFact[]): Promise<void> {
  await insertJsonRows(tx, STATEMENT, facts.map(rowOf));
}

function rowOf({ event: told, place }: PreparedFact): object {
  const event = told as TeststripEvent<'feedback.recorded.v1'>;
  return {
    event_digest: place!.digest,
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
  };
}

const STATEMENT = insertNewFacts('insert into teststrip.feedback', 'event_digest, given_at');
