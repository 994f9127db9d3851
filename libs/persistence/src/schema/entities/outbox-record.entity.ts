import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { BIG_INTEGER } from './big-integer.js';
import { SCHEMA } from './schema-name.js';

/** A record that has to reach the event bus because the transaction that wrote it was committed. Deleted once published. */
@Entity({ schema: SCHEMA, name: 'outbox' })
@Index('outbox_topic_key_id', ['topic', 'key', 'id'])
export class OutboxRecordEntity {
  @PrimaryColumn({ ...BIG_INTEGER, name: 'id', generated: 'identity', generatedIdentity: 'ALWAYS' })
  readonly id!: number;

  @Column({ name: 'topic', type: 'text' })
  readonly topic!: string;

  @Column({ name: 'key', type: 'text' })
  readonly key!: string;

  @Column({ name: 'headers', type: 'jsonb' })
  readonly headers!: Readonly<Record<string, string>>;

  @Column({ name: 'value', type: 'bytea' })
  readonly value!: Buffer;

  @Column({ name: 'added_at', type: 'timestamptz', default: () => 'now()' })
  readonly addedAt!: Date;
}
