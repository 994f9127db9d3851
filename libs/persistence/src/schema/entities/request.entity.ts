import { Column, Entity, Index } from 'typeorm';
import type { Assignment, RequestRouted } from '#libs/contracts';
import { AssignedFact } from './assigned-fact.js';
import { SCHEMA } from './schema-name.js';

/** What the router saw of one request: `request.routed.v1`. */
@Entity({ schema: SCHEMA, name: 'requests' })
@Index('requests_request_id', ['requestId'])
@Index('requests_started_at', { synchronize: false })
export class RequestEntity extends AssignedFact {
  /** The whole assignment; null where no experiment applied. */
  @Column({ name: 'assignment', type: 'jsonb', nullable: true })
  readonly assignment!: Assignment | null;

  @Column({ name: 'upstream', type: 'text' })
  readonly upstream!: string;

  @Column({ name: 'outcome', type: 'text' })
  readonly outcome!: RequestRouted['outcome'];

  @Column({ name: 'status', type: 'integer', nullable: true })
  readonly status!: number | null;

  @Column({ name: 'started_at', type: 'timestamptz' })
  readonly startedAt!: Date;

  /** Null when no complete response came. */
  @Column({ name: 'duration_ms', type: 'double precision', nullable: true })
  readonly durationMs!: number | null;

  /** The part of a divided service that the unit is in: a slot's id, `holdout` or `free`. Null where one slot spans the service, and in rows of before. */
  @Column({ name: 'slot', type: 'text', nullable: true })
  readonly slot!: string | null;
}
