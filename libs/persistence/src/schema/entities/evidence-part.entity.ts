import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** Partitions that analyzers share: in whose hands each is, and how far it is folded. */
@Entity({ schema: SCHEMA, name: 'evidence_parts' })
export class EvidencePartEntity {
  @PrimaryColumn({ name: 'topic', type: 'text' })
  readonly topic!: string;

  @PrimaryColumn({ name: 'partition', type: 'integer' })
  readonly partition!: number;

  /** Grows each time that the partition changes hands. */
  @Column({ name: 'generation', type: 'integer' })
  readonly generation!: number;

  /** Up to when, by the carrier's clock, everything is folded, saved and published. */
  @Column({ name: 'folded_until', type: 'timestamptz', nullable: true })
  readonly foldedUntil!: Date | null;
}
