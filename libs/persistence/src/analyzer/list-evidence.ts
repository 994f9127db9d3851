import type { Queryable } from '../postgres/database.js';
import type { EvidenceSnapshot } from './save-evidence.js';

/** A snapshot without its evidence. */
export type ListedEvidence = Pick<EvidenceSnapshot, 'experiment' | 'revision' | 'topicPartition' | 'takenAtMs'>;

/** All snapshots by name, ordered by experiment, revision and partition. SQL: it runs in the transaction that loads them, as of the same moment. */
export async function listEvidence(database: Queryable): Promise<readonly ListedEvidence[]> {
  const rows = await database.query<Omit<ListedEvidence, 'takenAtMs'> & { readonly takenAt: Date }>(
    `select experiment, revision, topic_partition as "topicPartition", taken_at as "takenAt"
       from teststrip.evidence_snapshots order by experiment, revision, topic_partition`,
  );
  return rows.map(({ takenAt, ...row }) => ({ ...row, takenAtMs: takenAt.getTime() }));
}
