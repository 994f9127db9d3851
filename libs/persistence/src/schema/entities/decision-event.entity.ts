import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** The audit log: what was decided about an experiment, in order. Rows are only ever added; a trigger refuses anything else. */
@Entity({ schema: SCHEMA, name: 'decision_events' })
export class DecisionEventEntity {
  @PrimaryColumn({ name: 'experiment', type: 'text' })
  readonly experiment!: string;

  /** 1, 2, 3 … per experiment, over all its revisions. */
  @PrimaryColumn({ name: 'sequence', type: 'integer' })
  readonly sequence!: number;

  @Column({ name: 'revision', type: 'integer' })
  readonly revision!: number;

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
