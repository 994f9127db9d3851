import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { GenerationCompleted, Image } from '#libs/contracts';
import { AssignedFact } from './assigned-fact.js';
import { DIGITS_20 } from './big-integer.js';
import { SCHEMA } from './schema-name.js';

/** What an inference service says of one generation: `generation.completed.v1`. */
@Entity({ schema: SCHEMA, name: 'generations' })
@Index('generations_generation_id', { synchronize: false })
@Index('generations_latest', ['experiment', 'revision', 'variant', 'completedAt'])
export class GenerationEntity extends AssignedFact {
  @Column({ name: 'generation_id', type: 'text' })
  readonly generationId!: string;

  @Column({ name: 'request_id', type: 'text' })
  readonly requestId!: string;

  @Column({ name: 'service', type: 'text' })
  readonly service!: string;

  @Column({ name: 'fingerprint', type: 'text', nullable: true })
  readonly fingerprint!: string | null;

  /** The configuration that the service reports. */
  @Column({ name: 'config_digest', type: 'bigint' })
  readonly configDigest!: string;

  /** As the user wrote it. */
  @Column({ name: 'prompt', type: 'text', nullable: true })
  readonly prompt!: string | null;

  /** What the service made of it; null: it painted what was written. */
  @Column({ name: 'rewritten_prompt', type: 'text', nullable: true })
  readonly rewrittenPrompt!: string | null;

  @Column({ name: 'negative_prompt', type: 'text', nullable: true })
  readonly negativePrompt!: string | null;

  /** What was asked for; null: a picture of the prompt and nothing else. */
  @Column({ name: 'mode', type: 'text', nullable: true })
  readonly mode!: GenerationCompleted['mode'] | null;

  /** The picture that it began with. */
  @Column({ name: 'reference', type: 'jsonb', nullable: true })
  readonly reference!: GenerationCompleted['reference'] | null;

  @Column({ ...DIGITS_20, name: 'seed', nullable: true })
  readonly seed!: number | string | null;

  @Column({ name: 'outcome', type: 'text' })
  readonly outcome!: string;

  @Column({ name: 'error', type: 'text', nullable: true })
  readonly error!: string | null;

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

  @Column({ name: 'images', type: 'jsonb' })
  readonly images!: readonly Image[];

  @Column({ name: 'shadow', type: 'boolean' })
  readonly shadow!: boolean;

  @PrimaryColumn({ name: 'completed_at', type: 'timestamptz' })
  readonly completedAt!: Date;
}
