import type { Queryable } from '../postgres/database.js';

/** Drops the snapshots of one revision; of one place alone where that is given. */
export async function forgetEvidence(
  tx: Queryable,
  { experiment, revision, place }: { readonly experiment: string; readonly revision: number; readonly place?: string },
): Promise<void> {
  await tx.query(
    `delete from teststrip.evidence_snapshots
      where experiment = $1 and revision = $2 and ($3::text is null or split_part(topic_partition, '#', 1) = $3)`,
    [experiment, revision, place ?? null],
  );
}
