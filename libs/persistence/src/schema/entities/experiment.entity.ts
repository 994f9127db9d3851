import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** The decision service's state of one experiment: one writer at a time, by optimistic version. */
@Entity({ schema: SCHEMA, name: 'experiments' })
export class ExperimentEntity {
  @PrimaryColumn({ name: 'key', type: 'text' })
  readonly key!: string;

  @Column({ name: 'revision', type: 'integer' })
  readonly revision!: number;

  @Column({ name: 'version', type: 'integer' })
  readonly version!: number;

  @Column({ name: 'state', type: 'jsonb' })
  readonly state!: unknown;

  /** Form of `state`; null: that of before forms had numbers. */
  @Column({ name: 'state_form', type: 'integer', nullable: true })
  readonly stateForm!: number | null;

  @Column({ name: 'spec', type: 'jsonb' })
  readonly spec!: unknown;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  readonly createdAt!: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  readonly updatedAt!: Date;
}
