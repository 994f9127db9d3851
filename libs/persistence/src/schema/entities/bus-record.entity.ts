import { Column, Entity, PrimaryColumn } from 'typeorm';
import { BIG_INTEGER } from './big-integer.js';
import { BUS_SCHEMA } from './schema-name.js';

/** One record of the log. It has no foreign key: its partition's row is locked while it is written. */
@Entity({ schema: BUS_SCHEMA, name: 'record' })
export class BusRecordEntity {
  @PrimaryColumn({ name: 'topic_id', type: 'integer' })
  readonly topicId!: number;

  @PrimaryColumn({ name: 'partition', type: 'integer' })
  readonly partition!: number;

  @PrimaryColumn({ ...BIG_INTEGER, name: 'offset' })
  readonly offset!: number;

  @Column({ ...BIG_INTEGER, name: 'timestamp_ms' })
  readonly timestampMs!: number;

  @Column({ name: 'key', type: 'bytea', nullable: true })
  readonly key!: Buffer | null;

  /** Packed by the carrier (headers.ts). */
  @Column({ name: 'headers', type: 'bytea' })
  readonly headers!: Buffer;

  /** Null deletes the key of a compacted topic. */
  @Column({ name: 'value', type: 'bytea', nullable: true })
  readonly value!: Buffer | null;

  /** Which table it lies in: its day (20261127), 0 for what is kept of compacted topics, -1 for what is older than the days. The database gives it. */
  @PrimaryColumn({ name: 'segment', type: 'integer', default: () => 'bus.today()' })
  readonly segment!: number;
}
