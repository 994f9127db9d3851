import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import { BUS_SCHEMA } from './schema-name.js';

/** The log as a whole, in one row: positions name it, so that nobody goes on in another log where he stood in this one. */
@Entity({ schema: BUS_SCHEMA, name: 'log' })
@Check('log_is_the_one_check', 'is_the_one')
export class BusLogEntity {
  @PrimaryColumn({ name: 'is_the_one', type: 'boolean', default: true })
  readonly isTheOne!: boolean;

  @Column({ name: 'log_id', type: 'uuid' })
  readonly logId!: string;

  /** When its maintenance was last begun, by whichever process. */
  @Column({ name: 'maintained_at', type: 'timestamptz', nullable: true })
  readonly maintainedAt!: Date | null;
}
