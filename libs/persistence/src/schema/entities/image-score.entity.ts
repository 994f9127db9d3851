import { Column, Entity, Index } from 'typeorm';
import { AssignedFact } from './assigned-fact.js';
import { SCHEMA } from './schema-name.js';

/** What the scorer says of one picture: `image.scored.v1`. */
@Entity({ schema: SCHEMA, name: 'image_scores' })
@Index('image_scores_generation', ['generationId', 'imageIndex'])
@Index('image_scores_latest', ['experiment', 'revision', 'variant', 'scoredAt'])
@Index('image_scores_scored_at', { synchronize: false })
export class ImageScoreEntity extends AssignedFact {
  @Column({ name: 'generation_id', type: 'text' })
  readonly generationId!: string;

  @Column({ name: 'image_index', type: 'integer' })
  readonly imageIndex!: number;

  @Column({ name: 'image_uri', type: 'text' })
  readonly imageUri!: string;

  @Column({ name: 'image_sha256', type: 'text', nullable: true })
  readonly imageSha256!: string | null;

  @Column({ name: 'outcome', type: 'text' })
  readonly outcome!: string;

  @Column({ name: 'reason', type: 'text', nullable: true })
  readonly reason!: string | null;

  @Column({ name: 'alignment', type: 'double precision', nullable: true })
  readonly alignment!: number | null;

  @Column({ name: 'quality', type: 'jsonb' })
  readonly quality!: unknown;

  @Column({ name: 'blank', type: 'boolean' })
  readonly blank!: boolean;

  /** Float16 little endian, L2-normalised. */
  @Column({ name: 'embedding', type: 'bytea', nullable: true })
  readonly embedding!: Buffer | null;

  @Column({ name: 'prompt_truncated', type: 'boolean' })
  readonly promptTruncated!: boolean;

  /** Model, digest, preprocessing and engine. */
  @Column({ name: 'identity', type: 'jsonb' })
  readonly identity!: unknown;

  @Column({ name: 'scored_at', type: 'timestamptz' })
  readonly scoredAt!: Date;
}
