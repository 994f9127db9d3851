import { Column, Entity, Index } from 'typeorm';
import type { Image } from '#libs/contracts';
import { AssignedFact } from './assigned-fact.js';
import { DIGITS_20 } from './big-integer.js';
import { SCHEMA } from './schema-name.js';

/** What an inference service says of one generation: `generation.completed.v1`. */
@Entity({ schema: SCHEMA, name: 'generations' })
@Index('generations_generation_id', ['generationId'])
@Index('generations_latest', ['experiment', 'revision', 'variant', 'completedAt'])
@Index('generations_completed_at', { synchronize: false })
export class GenerationEntity extends AssignedFact {
  @Column({ name: 'generation_id', type: 'text' })
  readonly generationId!: string;

  @Column({ name: 'fingerprint', type: 'text', nullable: true })
  readonly fingerprint!: string | null;

  @Column({ name: 'config', type: 'jsonb' })
  readonly config!: unknown;

  @Column({ name: 'prompt', type: 'text', nullable: true })
  readonly prompt!: string | null;

  @Column({ ...DIGITS_20, name: 'seed', nullable: true })
  readonly seed!: number | string | null;

  @Column({ name: 'outcome', type: 'text' })
  readonly outcome!: string;

  @Column({ name: 'error', type: 'text', nullable: true })
  readonly error!: string | null;

  @Column({ name: 'queue_ms', type: 'double precision', nullable: true })
  readonly queueMs!: number | null;

  @Column({ name: 'inference_ms', type: 'double precision', nullable: true })
  readonly inferenceMs!: number | null;

  @Column({ name: 'total_ms', type: 'double precision', nullable: true })
  readonly totalMs!: number | null;

  @Column({ name: 'gpu_seconds', type: 'double precision', nullable: true })
  readonly gpuSeconds!: number | null;

  @Column({ name: 'gpu_utilisation', type: 'double precision', nullable: true })
  readonly gpuUtilisation!: number | null;

  @Column({ name: 'memory_mib', type: 'double precision', nullable: true })
  readonly memoryMib!: number | null;

  @Column({ name: 'cost', type: 'double precision', nullable: true })
  readonly cost!: number | null;

  @Column({ name: 'images', type: 'jsonb' })
  readonly images!: readonly Image[];

  @Column({ name: 'shadow', type: 'boolean' })
  readonly shadow!: boolean;

  @Column({ name: 'completed_at', type: 'timestamptz' })
  readonly completedAt!: Date;
}
