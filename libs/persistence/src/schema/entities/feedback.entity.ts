import { Column, Entity, Index } from 'typeorm';
import { AssignedFact } from './assigned-fact.js';
import { SCHEMA } from './schema-name.js';

/** What the person who asked for the picture thought of it: `feedback.recorded.v1`. */
@Entity({ schema: SCHEMA, name: 'feedback' })
@Index('feedback_latest', ['experiment', 'revision', 'variant', 'givenAt'])
@Index('feedback_given_at', { synchronize: false })
export class FeedbackEntity extends AssignedFact {
  @Column({ name: 'generation_id', type: 'text', nullable: true })
  readonly generationId!: string | null;

  @Column({ name: 'kind', type: 'text' })
  readonly kind!: string;

  @Column({ name: 'rating', type: 'double precision', nullable: true })
  readonly rating!: number | null;

  @Column({ name: 'given_at', type: 'timestamptz' })
  readonly givenAt!: Date;
}
