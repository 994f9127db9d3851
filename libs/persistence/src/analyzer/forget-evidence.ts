import type { Queryable } from '../postgres/database.js';

/** Drops the snapshots of one revision. */
export async function forgetEvidence(tx: Queryable, experiment: string, revision: number): Promise<void> {
  await tx.query('delete from teststrip.evidence_snapshots where experiment = $1 and revision = $2', [
    experiment,
    revision,
  ]);
}
