import type { Queryable } from '../postgres/database.js';
import type { TakenPart } from './take-part.js';

/** In whose hands each place is that analyzers have ever shared. */
export function listParts(database: Queryable): Promise<readonly TakenPart[]> {
  return database.query<TakenPart>('select topic, partition, generation from teststrip.evidence_parts');
}
