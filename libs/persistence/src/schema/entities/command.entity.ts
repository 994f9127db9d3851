import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** What the decision service ordered: `allocation.commanded.v1`. */
@Entity({ schema: SCHEMA, name: 'commands' })
@Index('commands_experiment_epoch', ['experiment', 'epoch'])
export class CommandEntity {
  @PrimaryColumn({ name: 'command_id', type: 'text' })
  commandId!: string;

  @Column({ name: 'experiment', type: 'text' })
  experiment!: string;

  @Column({ name: 'service', type: 'text' })
  service!: string;

  @Column({ name: 'revision', type: 'integer' })
  revision!: number;

  @Column({ name: 'epoch', type: 'integer' })
  epoch!: number;

  @Column({ name: 'command', type: 'text' })
  command!: string;

  @Column({ name: 'stage', type: 'integer' })
  stage!: number;

  @Column({ name: 'weights_ppm', type: 'jsonb' })
  weightsPpm!: unknown;

  @Column({ name: 'reason', type: 'text' })
  reason!: string;

  @Column({ name: 'message', type: 'text' })
  message!: string;

  @Column({ name: 'evidence', type: 'jsonb', nullable: true })
  evidence!: unknown;

  @Column({ name: 'actor', type: 'text' })
  actor!: string;

  @Column({ name: 'commanded_at', type: 'timestamptz' })
  commandedAt!: Date;

  @Column({ name: 'terminal', type: 'boolean' })
  terminal!: boolean;
}
