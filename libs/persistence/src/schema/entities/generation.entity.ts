import { Column, Entity, Index } from 'typeorm';
import type { Image } from '#libs/contracts';
import { AssignedFact } from './assigned-fact.js';
import { BIG_INTEGER } from './big-integer.js';
import { SCHEMA } from './schema-name.js';

/** What an inference service says of one generation: `generation.completed.v1`. */
@Entity({ schema: SCHEMA, name: 'generations' })
@Index('generations_generation_id', ['generationId'])
@Index('generations_latest', ['experiment', 'revision', 'variant', 'completedAt'])
@Index('generations_completed_at', { synchronize: false })
export class GenerationEntity extends AssignedFact {
  @Column({ name: 'generation_id', type: 'text' })
  readonly generationId!: string;

  @Column({ name: 'fingerprint', type: 'text' })
  readonly fingerprint!: string;

  @Column({ name: 'config', type: 'jsonb' })
  readonly config!: unknown;

  @Column({ name: 'prompt', type: 'text' })
  readonly prompt!: string;

  @Column({ ...BIG_INTEGER, name: 'seed' })
  readonly seed!: number;

  @Column({ name: 'outcome', type: 'text' })
  readonly outcome!: string;

  @Column({ name: 'error', type: 'text', nullable: true })
  readonly error!: string | null;

  @Column({ name: 'queue_ms', type: 'double precision' })
  readonly queueMs!: number;

  @Column({ name: 'inference_ms', type: 'double precision' })
  readonly inferenceMs!: number;

  @Column({ name: 'total_ms', type: 'double precision' })
  readonly totalMs!: number;

  @Column({ name: 'gpu_seconds', type: 'double precision' })
  readonly gpuSeconds!: number;

  @Column({ name: 'gpu_utilisation', type: 'double precision' })
  readonly gpuUtilisation!: number;

  @Column({ name: 'memory_mib', type: 'double precision' })
  readonly memoryMib!: number;

  @Column({ name: 'cost', type: 'double precision' })
  readonly cost!: number;

  @Column({ name: 'images', type: 'jsonb' })
  readonly images!: readonly Image[];

  @Column({ name: 'shadow', type: 'boolean' })
  readonly shadow!: boolean;

  @Column({ name: 'completed_at', type: 'timestamptz' })
  readonly completedAt!: Date;
}
