import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { BIG_INTEGER } from './big-integer.js';
import { BusTopicEntity } from './bus-topic.entity.js';
import { BUS_SCHEMA } from './schema-name.js';

/**
 * One partition of a topic. Its row lock is held from drawing offsets to the commit, so offset order is commit order and a reader
 * that sees an offset sees all smaller ones.
 */
@Entity({ schema: BUS_SCHEMA, name: 'partition' })
export class BusPartitionEntity {
  @PrimaryColumn({ name: 'topic_id', type: 'integer' })
  @ForeignKey(() => BusTopicEntity, { name: 'partition_topic_id_fkey' })
  readonly topicId!: number;

  @PrimaryColumn({ name: 'partition', type: 'integer' })
  readonly partition!: number;

  /** The offset that the next record gets. */
  @Column({ ...BIG_INTEGER, name: 'next_offset', default: 0 })
  readonly nextOffset!: number;
}
