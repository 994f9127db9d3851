import { Check, Column, Entity, PrimaryColumn, Unique } from 'typeorm';
import { BUS_SCHEMA } from './schema-name.js';

/** A topic of the bus. */
@Entity({ schema: BUS_SCHEMA, name: 'topic' })
@Unique('topic_name_key', ['name'])
@Check('topic_partitions_check', 'partitions > 0')
export class BusTopicEntity {
  @PrimaryColumn({ name: 'topic_id', type: 'integer', generated: 'identity', generatedIdentity: 'ALWAYS' })
  readonly topicId!: number;

  @Column({ name: 'name', type: 'text' })
  readonly name!: string;

  @Column({ name: 'partitions', type: 'integer' })
  readonly partitions!: number;

  /** Keeps the newest record of every key instead of the records of a time. */
  @Column({ name: 'compacted', type: 'boolean' })
  readonly compacted!: boolean;
}
