import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** The decision service's state of one service that users call: one writer at a time, by optimistic version. */
@Entity({ schema: SCHEMA, name: 'services' })
export class ServiceEntity {
  @PrimaryColumn({ name: 'name', type: 'text' })
  readonly name!: string;

  @Column({ name: 'version', type: 'integer' })
  readonly version!: number;

  /** Of the newest order about it. */
  @Column({ name: 'epoch', type: 'integer' })
  readonly epoch!: number;

  @Column({ name: 'state', type: 'jsonb' })
  readonly state!: unknown;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  readonly createdAt!: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  readonly updatedAt!: Date;
}
