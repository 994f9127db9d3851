import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { RequestRouted } from '#libs/contracts';
import { BIG_INTEGER } from './big-integer.js';
import { SCHEMA } from './schema-name.js';

/** Requests counted as they are recorded, so that a summary costs the same after a million of them. */
@Entity({ schema: SCHEMA, name: 'traffic' })
export class TrafficEntity {
  @PrimaryColumn({ name: 'experiment', type: 'text' })
  readonly experiment!: string;

  @PrimaryColumn({ name: 'revision', type: 'integer' })
  readonly revision!: number;

  @PrimaryColumn({ name: 'variant', type: 'text' })
  readonly variant!: string;

  @PrimaryColumn({ name: 'epoch', type: 'integer' })
  readonly epoch!: number;

  @PrimaryColumn({ name: 'outcome', type: 'text' })
  readonly outcome!: RequestRouted['outcome'];

  @Column({ ...BIG_INTEGER, name: 'requests' })
  readonly requests!: number;

  @Column({ name: 'first_at', type: 'timestamptz' })
  readonly firstAt!: Date;

  @Column({ name: 'last_at', type: 'timestamptz' })
  readonly lastAt!: Date;
}
