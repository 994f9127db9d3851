import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { PairMark, RequestRouted } from '#libs/contracts';
import { AssignedFact } from './assigned-fact.js';
import { SCHEMA } from './schema-name.js';

/** What the router saw of one request: `request.routed.v1`. */
@Entity({ schema: SCHEMA, name: 'requests' })
@Index('requests_request_id', { synchronize: false })
export class RequestEntity extends AssignedFact {
  @Column({ name: 'request_id', type: 'text' })
  readonly requestId!: string;

  @Column({ name: 'service', type: 'text' })
  readonly service!: string;

  /** Of the service's orders, when it was assigned. */
  @Column({ name: 'epoch', type: 'integer', nullable: true })
  readonly epoch!: number | null;

  /** The assignment without what differs from request to request (`unit`, `assignedAt`, `pair`); null where no experiment applied. */
  @Column({ name: 'assignment_digest', type: 'bigint', nullable: true })
  readonly assignmentDigest!: string | null;

  @Column({ name: 'assigned_at', type: 'timestamptz', nullable: true })
  readonly assignedAt!: Date | null;

  /** Of a request that goes through two variants. */
  @Column({ name: 'pair', type: 'jsonb', nullable: true })
  readonly pair!: PairMark | null;

  /** The part of a divided service that the unit is in: a slot's id, `holdout` or `free`. Null where one slot spans the service, and in rows of before. */
  @Column({ name: 'slot', type: 'text', nullable: true })
  readonly slot!: string | null;

  @Column({ name: 'upstream', type: 'text' })
  readonly upstream!: string;

  @Column({ name: 'outcome', type: 'text' })
  readonly outcome!: RequestRouted['outcome'];

  @Column({ name: 'status', type: 'integer', nullable: true })
  readonly status!: number | null;

  @PrimaryColumn({ name: 'started_at', type: 'timestamptz' })
  readonly startedAt!: Date;

  /** Null when no complete response came. */
  @Column({ name: 'duration_ms', type: 'real', nullable: true })
  readonly durationMs!: number | null;

  /** How long the client waited before it went away. */
  @Column({ name: 'waited_ms', type: 'real', nullable: true })
  readonly waitedMs!: number | null;
}
