import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** What the person who asked for the picture thought of it: `feedback.recorded.v1`. */
@Entity({ schema: SCHEMA, name: 'feedback' })
@Index('feedback_latest', ['experiment', 'revision', 'variant', 'givenAt'])
@Index('feedback_given_at', { synchronize: false })
export class FeedbackEntity {
  @PrimaryColumn({ name: 'event_id', type: 'text' })
  readonly eventId!: string;

  @Column({ name: 'request_id', type: 'text' })
  readonly requestId!: string;

  @Column({ name: 'generation_id', type: 'text', nullable: true })
  readonly generationId!: string | null;

  @Column({ name: 'service', type: 'text' })
  readonly service!: string;

  @Column({ name: 'experiment', type: 'text', nullable: true })
  readonly experiment!: string | null;

  @Column({ name: 'revision', type: 'integer', nullable: true })
  readonly revision!: number | null;

  @Column({ name: 'variant', type: 'text', nullable: true })
  readonly variant!: string | null;

  @Column({ name: 'unit', type: 'text', nullable: true })
  readonly unit!: string | null;

  @Column({ name: 'kind', type: 'text' })
  readonly kind!: string;

  @Column({ name: 'rating', type: 'double precision', nullable: true })
  readonly rating!: number | null;

  @Column({ name: 'given_at', type: 'timestamptz' })
  readonly givenAt!: Date;
}
