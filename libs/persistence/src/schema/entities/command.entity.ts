import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { AllocationCommanded, CommandKind, CommandReason } from '#libs/contracts';
import { SCHEMA } from './schema-name.js';

/** What the decision service ordered: `allocation.commanded.v1`. */
@Entity({ schema: SCHEMA, name: 'commands' })
@Index('commands_experiment_epoch', ['experiment', 'epoch'])
export class CommandEntity {
  @PrimaryColumn({ name: 'command_id', type: 'text' })
  readonly commandId!: string;

  @Column({ name: 'experiment', type: 'text' })
  readonly experiment!: string;

  @Column({ name: 'service', type: 'text' })
  readonly service!: string;

  @Column({ name: 'revision', type: 'integer' })
  readonly revision!: number;

  @Column({ name: 'epoch', type: 'integer' })
  readonly epoch!: number;

  @Column({ name: 'command', type: 'text' })
  readonly command!: CommandKind;

  @Column({ name: 'stage', type: 'integer' })
  readonly stage!: number;

  @Column({ name: 'weights_ppm', type: 'jsonb' })
  readonly weightsPpm!: Readonly<Record<string, number>>;

  @Column({ name: 'reason', type: 'text' })
  readonly reason!: CommandReason;

  @Column({ name: 'message', type: 'text' })
  readonly message!: string;

  @Column({ name: 'evidence', type: 'jsonb', nullable: true })
  readonly evidence!: AllocationCommanded['evidence'];

  @Column({ name: 'actor', type: 'text' })
  readonly actor!: string;

  @Column({ name: 'commanded_at', type: 'timestamptz' })
  readonly commandedAt!: Date;

  @Column({ name: 'terminal', type: 'boolean' })
  readonly terminal!: boolean;
}
