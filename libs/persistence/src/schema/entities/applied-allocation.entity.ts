import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { AllocationApplied } from '#libs/contracts';
import { SCHEMA } from './schema-name.js';

/** Which router applied or refused which command, and when: `allocation.applied.v1`. */
@Entity({ schema: SCHEMA, name: 'applied_allocations' })
@Index('applied_allocations_experiment_epoch', ['experiment', 'epoch'])
export class AppliedAllocationEntity {
  @PrimaryColumn({ name: 'event_id', type: 'text' })
  readonly eventId!: string;

  @Column({ name: 'command_id', type: 'text' })
  readonly commandId!: string;

  @Column({ name: 'experiment', type: 'text' })
  readonly experiment!: string;

  @Column({ name: 'revision', type: 'integer' })
  readonly revision!: number;

  @Column({ name: 'epoch', type: 'integer' })
  readonly epoch!: number;

  @Column({ name: 'router', type: 'text' })
  readonly router!: string;

  @Column({ name: 'outcome', type: 'text' })
  readonly outcome!: AllocationApplied['outcome'];

  @Column({ name: 'reason', type: 'text', nullable: true })
  readonly reason!: string | null;

  @Column({ name: 'weights_ppm', type: 'jsonb' })
  readonly weightsPpm!: Readonly<Record<string, number>>;

  @Column({ name: 'commanded_at', type: 'timestamptz' })
  readonly commandedAt!: Date;

  @Column({ name: 'applied_at', type: 'timestamptz' })
  readonly appliedAt!: Date;
}
