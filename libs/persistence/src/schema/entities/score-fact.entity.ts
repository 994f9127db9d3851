import { Column, Entity, PrimaryColumn } from 'typeorm';
import { PackedFact } from './packed-fact.js';
import { SCHEMA } from './schema-name.js';

/** What the scorer says of one picture: `image.scored.v1`, as it is kept; read it by the view `image_scores`. */
@Entity({ schema: SCHEMA, name: 'score_facts' })
export class ScoreFactEntity extends PackedFact {
  @PrimaryColumn({ name: 'scored_at', type: 'timestamptz' })
  readonly scoredAt!: Date;

  @Column({ name: 'alignment', type: 'real', nullable: true })
  readonly alignment!: number | null;

  @Column({ name: 'separation', type: 'real', nullable: true })
  readonly separation!: number | null;

  @Column({ name: 'unknown_token_share', type: 'real', nullable: true })
  readonly unknownTokenShare!: number | null;

  @Column({ name: 'seen_share', type: 'real', nullable: true })
  readonly seenShare!: number | null;

  @Column({ name: 'image_index', type: 'integer' })
  readonly imageIndex!: number;

  /** Packed, see `packedId`. */
  @Column({ name: 'generation_id', type: 'bytea' })
  readonly generationId!: Buffer;

  @Column({ name: 'reason', type: 'text', nullable: true })
  readonly reason!: string | null;

  @Column({ name: 'scored_prompt', type: 'text', nullable: true })
  readonly scoredPrompt!: string | null;

  @Column({ name: 'quality', type: 'jsonb' })
  readonly quality!: unknown;
}
