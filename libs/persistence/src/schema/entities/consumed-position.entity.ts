import { Column, Entity, PrimaryColumn } from 'typeorm';
import { BIG_INTEGER } from './big-integer.js';
import { SCHEMA } from './schema-name.js';

/** How far a consumer group has got in one partition; written in the transaction of what it consumed. */
@Entity({ schema: SCHEMA, name: 'consumed_positions' })
export class ConsumedPositionEntity {
  @PrimaryColumn({ name: 'consumer_group', type: 'text' })
  readonly group!: string;

  @PrimaryColumn({ name: 'topic', type: 'text' })
  readonly topic!: string;

  @PrimaryColumn({ name: 'partition', type: 'integer' })
  readonly partition!: number;

  /** The offset to read next. */
  @Column({ ...BIG_INTEGER, name: 'next_offset' })
  readonly nextOffset!: number;

  /** Names the log that the offset belongs to; null in rows of before, until the group moves on. */
  @Column({ name: 'log', type: 'text', nullable: true })
  readonly log!: string | null;

  /** Where an operator wants the group to go on, `earliest` or `latest`; null where it goes on at the offset. */
  @Column({ name: 'restart_at', type: 'text', nullable: true })
  readonly restartAt!: 'earliest' | 'latest' | null;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  readonly updatedAt!: Date;
}
