import { Column, Entity, ForeignKey, PrimaryColumn, Unique } from 'typeorm';
import { BusTopicEntity } from './bus-topic.entity.js';
import { BUS_SCHEMA } from './schema-name.js';

/** A consumer group on one topic has a number: advisory locks are made of two integers. */
@Entity({ schema: BUS_SCHEMA, name: 'consumer_group' })
@Unique('consumer_group_name_topic_id_key', ['name', 'topicId'])
export class BusConsumerGroupEntity {
  @PrimaryColumn({ name: 'group_id', type: 'integer', generated: 'identity', generatedIdentity: 'ALWAYS' })
  readonly groupId!: number;

  @Column({ name: 'name', type: 'text' })
  readonly name!: string;

  @Column({ name: 'topic_id', type: 'integer' })
  @ForeignKey(() => BusTopicEntity, { name: 'consumer_group_topic_id_fkey' })
  readonly topicId!: number;

  /** Comes back: what it has not read is kept longer. False for a group that was made up for one process. */
  @Column({ name: 'is_lasting', type: 'boolean', default: true })
  readonly isLasting!: boolean;
}
