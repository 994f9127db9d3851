import type { Queryable } from '../postgres/database.js';
import type { EvidenceSnapshot } from './save-evidence.js';

/** Every field that is given must match. */
export interface EvidenceFilter {
  readonly experiment?: string;
  readonly revision?: number;
  readonly topicPartition?: string;
  /** As `topicPartition`, with everything that is stored of the place beside it. */
  readonly place?: string;
  /** The snapshots alone, without what is stored beside them. */
  readonly isBare?: boolean;
}

interface Row {
  readonly experiment: string;
  readonly revision: number;
  readonly topic_partition: string;
  readonly positions: Readonly<Record<string, number>>;
  readonly evidence: Buffer;
  readonly taken_at: Date;
}

/** Snapshots that match the filter, ordered by experiment, revision and partition. SQL: it runs in the transaction of the caller, as of one moment with the positions. */
export async function loadEvidence(
  database: Queryable,
  { experiment, revision, topicPartition, place, isBare = false }: EvidenceFilter,
): Promise<readonly EvidenceSnapshot[]> {
  const rows = await database.query<Row>(
    `select experiment, revision, topic_partition, positions, evidence, taken_at
       from teststrip.evidence_snapshots
      where ($1::text is null or experiment = $1)
        and ($2::integer is null or revision = $2)
        and ($3::text is null or topic_partition = $3)
        and ($4::text is null or split_part(topic_partition, '#', 1) = $4)
        and (not $5::boolean or position('#' in topic_partition) = 0)
      order by experiment, revision, topic_partition`,
    [experiment ?? null, revision ?? null, topicPartition ?? null, place ?? null, isBare],
  );
  return rows.map((row) => ({
    experiment: row.experiment,
    revision: row.revision,
    topicPartition: row.topic_partition,
    positions: row.positions,
    evidence: row.evidence,
    takenAtMs: row.taken_at.getTime(),
  }));
}
