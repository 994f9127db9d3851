import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { BIG_INTEGER } from './big-integer.js';
import { BusConsumerGroupEntity } from './bus-consumer-group.entity.js';
import { BUS_SCHEMA } from './schema-name.js';

/** How far a group that leaves its positions to the bus has got in one partition. */
@Entity({ schema: BUS_SCHEMA, name: 'position' })
export class BusPositionEntity {
  @PrimaryColumn({ name: 'group_id', type: 'integer' })
  @ForeignKey(() => BusConsumerGroupEntity, { name: 'position_group_id_fkey' })
  readonly groupId!: number;

  @PrimaryColumn({ name: 'partition', type: 'integer' })
  readonly partition!: number;

  /** The offset to read next. */
  @Column({ ...BIG_INTEGER, name: 'next_offset' })
  readonly nextOffset!: number;
}
