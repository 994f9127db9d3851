import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { GenerationCompleted, Image } from '#libs/contracts';
import { DIGITS_20 } from './big-integer.js';
import { PackedFact } from './packed-fact.js';
import { SCHEMA } from './schema-name.js';

/** What an inference service says of one generation: `generation.completed.v1`, as it is kept; read it by the view `generations`. */
@Entity({ schema: SCHEMA, name: 'generation_facts' })
@Index('generation_facts_latest', ['arm', 'completedAt'])
export class GenerationFactEntity extends PackedFact {
  @PrimaryColumn({ name: 'completed_at', type: 'timestamptz' })
  readonly completedAt!: Date;

  /** Of experiment, revision and variant, see `armDigest`; null where no experiment applied. */
  @Column({ name: 'arm', type: 'bigint', nullable: true })
  readonly arm!: string | null;

  @Column({ name: 'queue_ms', type: 'real', nullable: true })
  readonly queueMs!: number | null;

  @Column({ name: 'inference_ms', type: 'real', nullable: true })
  readonly inferenceMs!: number | null;

  @Column({ name: 'total_ms', type: 'real', nullable: true })
  readonly totalMs!: number | null;

  @Column({ name: 'gpu_seconds', type: 'real', nullable: true })
  readonly gpuSeconds!: number | null;

  @Column({ name: 'gpu_utilisation', type: 'real', nullable: true })
  readonly gpuUtilisation!: number | null;

  @Column({ name: 'memory_mib', type: 'real', nullable: true })
  readonly memoryMib!: number | null;

  @Column({ name: 'cost', type: 'real', nullable: true })
  readonly cost!: number | null;

  @Column({ name: 'shadow', type: 'boolean' })
  readonly shadow!: boolean;

  /** Packed, see `packedId`. */
  @Column({ name: 'generation_id', type: 'bytea' })
  readonly generationId!: Buffer;

  /** Packed. */
  @Column({ name: 'request_id', type: 'bytea' })
  readonly requestId!: Buffer;

  @Column({ ...DIGITS_20, name: 'seed', nullable: true })
  readonly seed!: number | string | null;

  @Column({ name: 'prompt', type: 'text', nullable: true })
  readonly prompt!: string | null;

  @Column({ name: 'rewritten_prompt', type: 'text', nullable: true })
  readonly rewrittenPrompt!: string | null;

  /** Null: the context says it, or there is none. */
  @Column({ name: 'negative_prompt', type: 'text', nullable: true })
  readonly negativePrompt!: string | null;

  @Column({ name: 'error', type: 'text', nullable: true })
  readonly error!: string | null;

  /** Of its pictures, U+0001 for the generation's id; null: the context says them. */
  @Column({ name: 'image_uris', type: 'jsonb', nullable: true })
  readonly imageUris!: readonly string[] | null;

  /** Of each picture the SHA-256 (zeros: not known) and 6 bytes of its length (ones: not known). */
  @Column({ name: 'image_marks', type: 'bytea', nullable: true })
  readonly imageMarks!: Buffer | null;

  /** As they were told, where the columns before can't say it. */
  @Column({ name: 'images', type: 'jsonb', nullable: true })
  readonly images!: readonly Image[] | null;

  @Column({ name: 'reference', type: 'jsonb', nullable: true })
  readonly reference!: GenerationCompleted['reference'] | null;
}
