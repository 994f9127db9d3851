import type { TeststripEvent } from '#libs/contracts';
import { dayOf, factPlace, type FactTable } from '../days/fact-tables.js';
import { eventDigest } from './digest.js';
import { generationContext, requestContext, scoreContext, type FactContext } from './fact-context.js';
import { generationRow } from './generation-rows.js';
import { requestRow } from './request-rows.js';
import { embeddingRow, scoreRow } from './score-rows.js';

/** An event with all that recording it takes, reckoned once, before there is a transaction that would wait for it. */
export interface PreparedFact {
  readonly event: TeststripEvent;
  /** Of an event that is kept by the day. */
  readonly place?: FactPlace;
  /** Of a request, a generation and a score: what it says like many others. */
  readonly context?: FactContext;
  /** As its table copies it. */
  readonly row?: string;
  /** Of a score that has one. */
  readonly embedding?: string | undefined;
}

interface FactPlace {
  readonly table: FactTable;
  /** When it was, ISO 8601. */
  readonly time: string;
  /** NaN: of a time that is none. */
  readonly day: number;
  /** By which the event is known in its table. */
  readonly digest: string;
}

export function prepareFact(event: TeststripEvent): PreparedFact {
  const place = factPlace(event);
  if (place === undefined) return { event };
  return prepareAt({ ...place, day: dayOf(place.time), digest: eventDigest(event) }, event);
}

/** The same fact, known in its table under another digest. */
export function prepareUnder(digest: string, { event, place }: PreparedFact): PreparedFact {
  return place === undefined ? { event } : prepareAt({ ...place, digest }, event);
}

function prepareAt(place: FactPlace, event: TeststripEvent): PreparedFact {
  const { digest } = place;
  const fact = { event, place };
  switch (event.type) {
    case 'request.routed.v1': {
      const context = requestContext(event);
      return { ...fact, context, row: requestRow(event, digest, context.digest) };
    }
    case 'generation.completed.v1': {
      const context = generationContext(event);
      return { ...fact, context, row: generationRow(event, digest, context) };
    }
    case 'image.scored.v1': {
      const context = scoreContext(event);
      const row = scoreRow(event, digest, context.digest);
      return { ...fact, context, row, embedding: embeddingRow(event, digest) };
    }
    default:
      return fact;
  }
}
