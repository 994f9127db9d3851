import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { ImageScored } from '#libs/contracts';
import { AssignedFact } from './assigned-fact.js';
import { SCHEMA } from './schema-name.js';

/** What the scorer says of one picture: `image.scored.v1`. Where the picture lies, and of which request it is, says its generation. */
@Entity({ schema: SCHEMA, name: 'image_scores' })
@Index('image_scores_generation', { synchronize: false })
export class ImageScoreEntity extends AssignedFact {
  @Column({ name: 'generation_id', type: 'text' })
  readonly generationId!: string;

  @Column({ name: 'image_index', type: 'integer' })
  readonly imageIndex!: number;

  @Column({ name: 'outcome', type: 'text' })
  readonly outcome!: ImageScored['outcome'];

  @Column({ name: 'reason', type: 'text', nullable: true })
  readonly reason!: string | null;

  @Column({ name: 'alignment', type: 'real', nullable: true })
  readonly alignment!: number | null;

  /** Share of the prompts of other pictures that the picture fits worse than its own. */
  @Column({ name: 'separation', type: 'real', nullable: true })
  readonly separation!: number | null;

  @Column({ name: 'quality', type: 'jsonb' })
  readonly quality!: unknown;

  @Column({ name: 'blank', type: 'boolean' })
  readonly blank!: boolean;

  @Column({ name: 'blank_kind', type: 'text', nullable: true })
  readonly blankKind!: ImageScored['blankKind'] | null;

  /** What was held against the picture, where that is not the prompt as it was written. */
  @Column({ name: 'scored_prompt', type: 'text', nullable: true })
  readonly scoredPrompt!: string | null;

  @Column({ name: 'prompt_truncated', type: 'boolean' })
  readonly promptTruncated!: boolean;

  /** Parts in which a long prompt was read; null: one. */
  @Column({ name: 'prompt_windows', type: 'integer', nullable: true })
  readonly promptWindows!: number | null;

  /** Share of the prompt's tokens that the model does not know; null: none. */
  @Column({ name: 'unknown_token_share', type: 'real', nullable: true })
  readonly unknownTokenShare!: number | null;

  @Column({ name: 'prompt_class', type: 'smallint', nullable: true })
  readonly promptClass!: number | null;

  /** Share of the picture that the model saw; null: all of it. */
  @Column({ name: 'seen_share', type: 'real', nullable: true })
  readonly seenShare!: number | null;

  /** In what the decoded picture differs from the reference; null: in nothing. */
  @Column({ name: 'decoding', type: 'jsonb', nullable: true })
  readonly decoding!: readonly string[] | null;

  /** Model, its digest, preprocessing and engine. */
  @Column({ name: 'identity_digest', type: 'bigint' })
  readonly identityDigest!: string;

  @PrimaryColumn({ name: 'scored_at', type: 'timestamptz' })
  readonly scoredAt!: Date;
}
