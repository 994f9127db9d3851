import type { Queryable } from '../postgres/database.js';
import type { SharedPlace, TakenPart } from './take-part.js';

/** Another analyzer has taken places over: what was to be written of them is refused. */
export class PartsLostError extends Error {
  override readonly name = 'PartsLostError';

  constructor(readonly places: readonly SharedPlace[]) {
    super(
      `other analyzers have taken over ${places.map(({ topic, partition }) => `${topic}[${partition}]`).join(', ')}`,
    );
  }
}

/**
 * Requires that these places are still in the same hands, and lets nobody take them before the end of the transaction.
 * @throws PartsLostError with those that are not; the transaction must then be rolled back
 */
export async function requireParts(tx: Queryable, parts: readonly TakenPart[]): Promise<void> {
  if (parts.length === 0) return;
  const held = await tx.query<SharedPlace>(
    `select part.topic, part.partition from teststrip.evidence_parts as part
       join unnest($1::text[], $2::integer[], $3::integer[]) as mine (topic, partition, generation)
         using (topic, partition, generation)
      order by part.topic, part.partition for share of part`,
    [
      parts.map(({ topic }) => topic),
      parts.map(({ partition }) => partition),
      parts.map(({ generation }) => generation),
    ],
  );
  const found = new Set(held.map(({ topic, partition }) => `${topic}/${partition}`));
  const lost = parts.filter(({ topic, partition }) => !found.has(`${topic}/${partition}`));
  if (lost.length > 0) throw new PartsLostError(lost);
}
