import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** The embedding of a picture that was scored: the score is the row of `image_scores` with the same key. Apart from it, since few questions need it and it is large. */
@Entity({ schema: SCHEMA, name: 'image_embeddings' })
export class ImageEmbeddingEntity {
  @PrimaryColumn({ name: 'event_digest', type: 'bigint' })
  readonly eventDigest!: string;

  @PrimaryColumn({ name: 'scored_at', type: 'timestamptz' })
  readonly scoredAt!: Date;

  /** Float16 little endian, L2-normalised. */
  @Column({ name: 'embedding', type: 'bytea' })
  readonly embedding!: Buffer;
}
