import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** A router's answer to the newest order about an experiment: `allocation.applied.v1`. No decision, so it is not in the log of decisions. */
@Entity({ schema: SCHEMA, name: 'acknowledgements' })
export class AcknowledgementEntity {
  @PrimaryColumn({ name: 'experiment', type: 'text' })
  readonly experiment!: string;

  @PrimaryColumn({ name: 'router', type: 'text' })
  readonly router!: string;

  /** Of the order that it answers. */
  @Column({ name: 'epoch', type: 'integer' })
  readonly epoch!: number;

  @Column({ name: 'answer', type: 'jsonb' })
  readonly answer!: unknown;

  @Column({ name: 'recorded_at', type: 'timestamptz', default: () => 'now()' })
  readonly recordedAt!: Date;
}
