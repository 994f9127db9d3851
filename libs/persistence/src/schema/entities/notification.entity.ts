import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { BIG_INTEGER } from './big-integer.js';
import { SCHEMA } from './schema-name.js';

/** What one receiver is to be told of a decision. Deleted once the receiver has it; what could not be delivered stays for a while. */
@Entity({ schema: SCHEMA, name: 'notifications' })
@Index('notifications_receiver_experiment_id', ['receiver', 'experiment', 'id'])
export class NotificationEntity {
  @PrimaryColumn({ ...BIG_INTEGER, name: 'id', generated: 'identity', generatedIdentity: 'ALWAYS' })
  readonly id!: number;

  /** Name of the receiver, without its address, which may be a secret. */
  @Column({ name: 'receiver', type: 'text' })
  readonly receiver!: string;

  @Column({ name: 'experiment', type: 'text' })
  readonly experiment!: string;

  /** The same at every attempt, by which receivers recognise a repeated delivery. */
  @Column({ name: 'notification_id', type: 'text' })
  readonly notificationId!: string;

  /** As it is sent, byte for byte. */
  @Column({ name: 'body', type: 'text' })
  readonly body!: string;

  @Column({ name: 'attempts', type: 'integer', default: 0 })
  readonly attempts!: number;

  @Column({ name: 'added_at', type: 'timestamptz', default: () => 'now()' })
  readonly addedAt!: Date;

  /** Of the next attempt; while one is under way, when it counts as lost. */
  @Column({ name: 'due_at', type: 'timestamptz', default: () => 'now()' })
  readonly dueAt!: Date;

  /** Null while it is tried. */
  @Column({ name: 'given_up_at', type: 'timestamptz', nullable: true })
  readonly givenUpAt!: Date | null;

  @Column({ name: 'last_error', type: 'text', nullable: true })
  readonly lastError!: string | null;
}
