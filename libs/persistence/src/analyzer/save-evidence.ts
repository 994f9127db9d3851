import type { Queryable } from '../postgres/database.js';

/** Evidence of one experiment revision from one partition. */
export interface EvidenceSnapshot {
  readonly experiment: string;
  readonly revision: number;
  /** Which partition the evidence comes from, in the analyzer's own words, e.g. `unit-3`. */
  readonly topicPartition: string;
  /** Next offset by topic: events before it are in the evidence, events from it on are not. */
  readonly positions: Readonly<Record<string, number>>;
  /** Serialised evidence, stored byte for byte. */
  readonly evidence: Buffer;
  readonly takenAtMs: number;
}

/** Replaces the snapshots of these experiments, revisions and partitions: one statement for all, in the transaction of the positions. */
export async function saveEvidence(tx: Queryable, snapshots: readonly EvidenceSnapshot[]): Promise<void> {
  if (snapshots.length === 0) return;
  await tx.query(
    `insert into teststrip.evidence_snapshots (experiment, revision, topic_partition, positions, evidence, taken_at)
     select experiment, revision, topic_partition, positions, evidence, to_timestamp(taken_at_ms / 1000)
       from unnest($1::text[], $2::integer[], $3::text[], $4::jsonb[], $5::bytea[], $6::float8[])
         as given (experiment, revision, topic_partition, positions, evidence, taken_at_ms)
      order by experiment, revision, topic_partition
     on conflict (experiment, revision, topic_partition) do update
       set positions = excluded.positions, evidence = excluded.evidence, taken_at = excluded.taken_at`,
    [
      snapshots.map(({ experiment }) => experiment),
      snapshots.map(({ revision }) => revision),
      snapshots.map(({ topicPartition }) => topicPartition),
      snapshots.map(({ positions }) => JSON.stringify(positions)),
      snapshots.map(({ evidence }) => evidence),
      snapshots.map(({ takenAtMs }) => takenAtMs),
    ],
  );
}
