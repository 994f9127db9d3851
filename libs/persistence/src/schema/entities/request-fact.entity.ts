import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { PairMark } from '#libs/contracts';
import { PackedFact } from './packed-fact.js';
import { SCHEMA } from './schema-name.js';

/** What the router saw of one request: `request.routed.v1`, as it is kept; read it by the view `requests`. */
@Entity({ schema: SCHEMA, name: 'request_facts' })
export class RequestFactEntity extends PackedFact {
  @PrimaryColumn({ name: 'started_at', type: 'timestamptz' })
  readonly startedAt!: Date;

  @Column({ name: 'assigned_at', type: 'timestamptz', nullable: true })
  readonly assignedAt!: Date | null;

  @Column({ name: 'duration_ms', type: 'real', nullable: true })
  readonly durationMs!: number | null;

  @Column({ name: 'waited_ms', type: 'real', nullable: true })
  readonly waitedMs!: number | null;

  /** Packed, see `packedId`. */
  @Column({ name: 'request_id', type: 'bytea' })
  readonly requestId!: Buffer;

  @Column({ name: 'pair', type: 'jsonb', nullable: true })
  readonly pair!: PairMark | null;
}
