import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** Requests counted as they are recorded, so that a summary costs the same after a million of them. */
@Entity({ schema: SCHEMA, name: 'traffic' })
export class TrafficEntity {
  @PrimaryColumn({ name: 'experiment', type: 'text' })
  experiment!: string;

  @PrimaryColumn({ name: 'revision', type: 'integer' })
  revision!: number;

  @PrimaryColumn({ name: 'variant', type: 'text' })
  variant!: string;

  @PrimaryColumn({ name: 'epoch', type: 'integer' })
  epoch!: number;

  @PrimaryColumn({ name: 'outcome', type: 'text' })
  outcome!: string;

  @Column({ name: 'requests', type: 'bigint' })
  requests!: string;

  @Column({ name: 'first_at', type: 'timestamptz' })
  firstAt!: Date;

  @Column({ name: 'last_at', type: 'timestamptz' })
  lastAt!: Date;
}
