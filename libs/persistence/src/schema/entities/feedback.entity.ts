import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** What the person who asked for the picture thought of it: `feedback.recorded.v1`. */
@Entity({ schema: SCHEMA, name: 'feedback' })
@Index('feedback_latest', ['experiment', 'revision', 'variant', 'givenAt'])
@Index('feedback_given_at', { synchronize: false })
export class FeedbackEntity {
  @PrimaryColumn({ name: 'event_id', type: 'text' })
  eventId!: string;

  @Column({ name: 'request_id', type: 'text' })
  requestId!: string;

  @Column({ name: 'generation_id', type: 'text', nullable: true })
  generationId!: string | null;

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

  @Column({ name: 'kind', type: 'text' })
  kind!: string;

  @Column({ name: 'rating', type: 'double precision', nullable: true })
  rating!: number | null;

  @Column({ name: 'given_at', type: 'timestamptz' })
  givenAt!: Date;
}
