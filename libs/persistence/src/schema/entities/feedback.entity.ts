import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Fact } from './fact.js';
import { SCHEMA } from './schema-name.js';

/** What the person who asked for the picture thought of it: `feedback.recorded.v1`. */
@Entity({ schema: SCHEMA, name: 'feedback' })
export class FeedbackEntity extends Fact {
  /** Null, like the two below, where no experiment applied. */
  @Column({ name: 'experiment', type: 'text', nullable: true })
  readonly experiment!: string | null;

  @Column({ name: 'revision', type: 'integer', nullable: true })
  readonly revision!: number | null;

  @Column({ name: 'variant', type: 'text', nullable: true })
  readonly variant!: string | null;

  @Column({ name: 'request_id', type: 'text' })
  readonly requestId!: string;

  @Column({ name: 'generation_id', type: 'text', nullable: true })
  readonly generationId!: string | null;

  @Column({ name: 'service', type: 'text' })
  readonly service!: string;

  @Column({ name: 'kind', type: 'text' })
  readonly kind!: string;

  @Column({ name: 'rating', type: 'real', nullable: true })
  readonly rating!: number | null;

  @PrimaryColumn({ name: 'given_at', type: 'timestamptz' })
  readonly givenAt!: Date;
}
