import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** Evidence of one experiment revision from one partition, with the positions up to which the topics are folded in. */
@Entity({ schema: SCHEMA, name: 'evidence_snapshots' })
export class EvidenceSnapshotEntity {
  @PrimaryColumn({ name: 'experiment', type: 'text' })
  readonly experiment!: string;

  @PrimaryColumn({ name: 'revision', type: 'integer' })
  readonly revision!: number;

  @PrimaryColumn({ name: 'topic_partition', type: 'text' })
  readonly topicPartition!: string;

  /** Next offset by topic. */
  @Column({ name: 'positions', type: 'jsonb' })
  readonly positions!: Readonly<Record<string, number>>;

  /** Opaque here; its layout belongs to libs/evidence and carries its own version. */
  @Column({ name: 'evidence', type: 'bytea' })
  readonly evidence!: Buffer;

  @Column({ name: 'taken_at', type: 'timestamptz' })
  readonly takenAt!: Date;
}
