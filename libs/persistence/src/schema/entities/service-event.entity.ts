import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** What happened to a service, in order. Rows are only ever added; a trigger refuses anything else. */
@Entity({ schema: SCHEMA, name: 'service_events' })
export class ServiceEventEntity {
  @PrimaryColumn({ name: 'service', type: 'text' })
  readonly service!: string;

  /** 1, 2, 3 … per service. */
  @PrimaryColumn({ name: 'sequence', type: 'integer' })
  readonly sequence!: number;

  @Column({ name: 'kind', type: 'text' })
  readonly kind!: string;

  @Column({ name: 'data', type: 'jsonb' })
  readonly data!: unknown;

  @Column({ name: 'actor', type: 'text' })
  readonly actor!: string;

  @Column({ name: 'occurred_at', type: 'timestamptz' })
  readonly occurredAt!: Date;

  @Column({ name: 'recorded_at', type: 'timestamptz', default: () => 'now()' })
  readonly recordedAt!: Date;
}
