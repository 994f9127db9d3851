import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** What the router saw of one request: `request.routed.v1`. */
@Entity({ schema: SCHEMA, name: 'requests' })
@Index('requests_request_id', ['requestId'])
@Index('requests_started_at', { synchronize: false })
export class RequestEntity {
  @PrimaryColumn({ name: 'event_id', type: 'text' })
  eventId!: string;

  @Column({ name: 'request_id', type: 'text' })
  requestId!: string;

  @Column({ name: 'service', type: 'text' })
  service!: string;

  @Column({ name: 'experiment', type: 'text', nullable: true })
  experiment!: string | null;

  @Column({ name: 'revision', type: 'integer', nullable: true })
  revision!: number | null;

  @Column({ name: 'variant', type: 'text', nullable: true })
  variant!: string | null;

  @Column({ name: 'unit', type: 'text', nullable: true })
  unit!: string | null;

  /** The whole assignment; null where no experiment applied. */
  @Column({ name: 'assignment', type: 'jsonb', nullable: true })
  assignment!: unknown;

  @Column({ name: 'upstream', type: 'text' })
  upstream!: string;

  @Column({ name: 'outcome', type: 'text' })
  outcome!: string;

  @Column({ name: 'status', type: 'integer', nullable: true })
  status!: number | null;

  @Column({ name: 'started_at', type: 'timestamptz' })
  startedAt!: Date;

  /** Null when no complete response came. */
  @Column({ name: 'duration_ms', type: 'double precision', nullable: true })
  durationMs!: number | null;
}
