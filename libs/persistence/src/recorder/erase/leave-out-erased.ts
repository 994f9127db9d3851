import type { Queryable } from '../../postgres/database.js';
import type { PreparedFact } from '../record/prepared-fact.js';
import { unitDigest } from './erase-unit.js';

/**
 * The facts without those of erased units from before their erasure: a log that is read again, or late, brings nothing back. Whoever erases waits for the transaction that has
 * asked this.
 */
export async function leaveOutErased(tx: Queryable, facts: readonly PreparedFact[]): Promise<readonly PreparedFact[]> {
  // Nobody is, as a rule: then no unit's digest is reckoned.
  const some = await tx.query('select from teststrip.erasures limit 1', [], { prepareAs: 'some-erasure' });
  if (some.length === 0) return facts;
  const digests = new Map<string, string>();
  for (const fact of facts) {
    const unit = unitOf(fact);
    if (unit !== undefined && !digests.has(unit)) digests.set(unit, unitDigest(unit));
  }
  const erased = await tx.query<{ digest: string; erased_at: Date }>(
    `select unit_digest::text as digest, erased_at from teststrip.erasures where unit_digest = any($1::bigint[])`,
    [[...digests.values()]],
    { prepareAs: 'erased-units' },
  );
  if (erased.length === 0) return facts;
  const erasedAtMs = new Map(erased.map(({ digest, erased_at }) => [digest, erased_at.getTime()]));
  return facts.filter((fact) => {
    const unit = unitOf(fact);
    const atMs = unit === undefined ? undefined : erasedAtMs.get(digests.get(unit)!);
    return atMs === undefined || Date.parse(fact.place!.time) > atMs;
  });
}

/** Of a fact about a request. */
function unitOf({ event, place }: PreparedFact): string | undefined {
  if (place === undefined) return undefined;
  const { assignment } = event.data as { readonly assignment?: { readonly unit: string } | null };
  return assignment?.unit ?? event.subject;
}
