import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** Which router applied or refused which command, and when: `allocation.applied.v1`. */
@Entity({ schema: SCHEMA, name: 'applied_allocations' })
@Index('applied_allocations_experiment_epoch', ['experiment', 'epoch'])
export class AppliedAllocationEntity {
  @PrimaryColumn({ name: 'event_id', type: 'text' })
  eventId!: string;

  @Column({ name: 'command_id', type: 'text' })
  commandId!: string;

  @Column({ name: 'experiment', type: 'text' })
  experiment!: string;

  @Column({ name: 'revision', type: 'integer' })
  revision!: number;

  @Column({ name: 'epoch', type: 'integer' })
  epoch!: number;

  @Column({ name: 'router', type: 'text' })
  router!: string;

  @Column({ name: 'outcome', type: 'text' })
  outcome!: string;

  @Column({ name: 'reason', type: 'text', nullable: true })
  reason!: string | null;

  @Column({ name: 'weights_ppm', type: 'jsonb' })
  weightsPpm!: unknown;

  @Column({ name: 'commanded_at', type: 'timestamptz' })
  commandedAt!: Date;

  @Column({ name: 'applied_at', type: 'timestamptz' })
  appliedAt!: Date;
}
