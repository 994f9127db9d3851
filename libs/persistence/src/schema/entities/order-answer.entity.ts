import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** What an order with an idempotency key was answered, for whoever sends it again. Without a status it is under way. */
@Entity({ schema: SCHEMA, name: 'order_answers' })
@Index('order_answers_begun_at', ['begunAt'])
export class OrderAnswerEntity {
  /** Name of the identity that sent it; '' for whoever has no name. */
  @PrimaryColumn({ name: 'caller', type: 'text' })
  readonly caller!: string;

  @PrimaryColumn({ name: 'key', type: 'text' })
  readonly key!: string;

  /** SHA-256 in hex of all that says what was ordered. */
  @Column({ name: 'request', type: 'text' })
  readonly request!: string;

  @Column({ name: 'begun_at', type: 'timestamptz', default: () => 'now()' })
  readonly begunAt!: Date;

  @Column({ name: 'status', type: 'integer', nullable: true })
  readonly status!: number | null;

  @Column({ name: 'etag', type: 'text', nullable: true })
  readonly etag!: string | null;

  /** JSON as it was sent; text, because the order of its fields is kept. */
  @Column({ name: 'body', type: 'text', nullable: true })
  readonly body!: string | null;
}
