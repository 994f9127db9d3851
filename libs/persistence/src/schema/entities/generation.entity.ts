import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** What an inference service says of one generation: `generation.completed.v1`. */
@Entity({ schema: SCHEMA, name: 'generations' })
@Index('generations_generation_id', ['generationId'])
@Index('generations_latest', ['experiment', 'revision', 'variant', 'completedAt'])
@Index('generations_completed_at', { synchronize: false })
export class GenerationEntity {
  @PrimaryColumn({ name: 'event_id', type: 'text' })
  eventId!: string;

  @Column({ name: 'generation_id', type: 'text' })
  generationId!: string;

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

  @Column({ name: 'fingerprint', type: 'text' })
  fingerprint!: string;

  @Column({ name: 'config', type: 'jsonb' })
  config!: unknown;

  @Column({ name: 'prompt', type: 'text' })
  prompt!: string;

  @Column({ name: 'seed', type: 'bigint' })
  seed!: string;

  @Column({ name: 'outcome', type: 'text' })
  outcome!: string;

  @Column({ name: 'error', type: 'text', nullable: true })
  error!: string | null;

  @Column({ name: 'queue_ms', type: 'double precision' })
  queueMs!: number;

  @Column({ name: 'inference_ms', type: 'double precision' })
  inferenceMs!: number;

  @Column({ name: 'total_ms', type: 'double precision' })
  totalMs!: number;

  @Column({ name: 'gpu_seconds', type: 'double precision' })
  gpuSeconds!: number;

  @Column({ name: 'gpu_utilisation', type: 'double precision' })
  gpuUtilisation!: number;

  @Column({ name: 'memory_mib', type: 'double precision' })
  memoryMib!: number;

  @Column({ name: 'cost', type: 'double precision' })
  cost!: number;

  @Column({ name: 'images', type: 'jsonb' })
  images!: unknown;

  @Column({ name: 'shadow', type: 'boolean' })
  shadow!: boolean;

  @Column({ name: 'completed_at', type: 'timestamptz' })
  completedAt!: Date;
}
