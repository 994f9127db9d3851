import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** What the scorer says of one picture: `image.scored.v1`. */
@Entity({ schema: SCHEMA, name: 'image_scores' })
@Index('image_scores_generation', ['generationId', 'imageIndex'])
@Index('image_scores_latest', ['experiment', 'revision', 'variant', 'scoredAt'])
@Index('image_scores_scored_at', { synchronize: false })
export class ImageScoreEntity {
  @PrimaryColumn({ name: 'event_id', type: 'text' })
  eventId!: string;

  @Column({ name: 'generation_id', type: 'text' })
  generationId!: string;

  @Column({ name: 'image_index', type: 'integer' })
  imageIndex!: number;

  @Column({ name: 'request_id', type: 'text' })
  requestId!: string;

  @Column({ name: 'service', type: 'text' })
  service!: string;

  @Column({ name: 'experiment', type: 'text', nullable: true })
  experiment!: string | null;

  @Column({ name: 'revision', type: 'integer', nullable: true })
  revision!: number | null;

  @Column({ name: 'variant', type: 'text', nullable: true })
  variant!: string | null;

  @Column({ name: 'unit', type: 'text', nullable: true })
  unit!: string | null;

  @Column({ name: 'image_uri', type: 'text' })
  imageUri!: string;

  @Column({ name: 'image_sha256', type: 'text' })
  imageSha256!: string;

  @Column({ name: 'outcome', type: 'text' })
  outcome!: string;

  @Column({ name: 'reason', type: 'text', nullable: true })
  reason!: string | null;

  @Column({ name: 'alignment', type: 'double precision', nullable: true })
  alignment!: number | null;

  @Column({ name: 'quality', type: 'jsonb' })
  quality!: unknown;

  @Column({ name: 'blank', type: 'boolean' })
  blank!: boolean;

  /** Float16 little endian, L2-normalised. */
  @Column({ name: 'embedding', type: 'bytea', nullable: true })
  embedding!: Buffer | null;

  @Column({ name: 'prompt_truncated', type: 'boolean' })
  promptTruncated!: boolean;

  /** Model, digest, preprocessing and engine. */
  @Column({ name: 'identity', type: 'jsonb' })
  identity!: unknown;

  @Column({ name: 'scored_at', type: 'timestamptz' })
  scoredAt!: Date;
}
