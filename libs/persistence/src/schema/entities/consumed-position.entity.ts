import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** How far a consumer group has got in one partition; written in the transaction of what it consumed. */
@Entity({ schema: SCHEMA, name: 'consumed_positions' })
export class ConsumedPositionEntity {
  @PrimaryColumn({ name: 'consumer_group', type: 'text' })
  group!: string;

  @PrimaryColumn({ name: 'topic', type: 'text' })
  topic!: string;

  @PrimaryColumn({ name: 'partition', type: 'integer' })
  partition!: number;

  /** The offset to read next. */
  @Column({ name: 'next_offset', type: 'bigint' })
  nextOffset!: string;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
