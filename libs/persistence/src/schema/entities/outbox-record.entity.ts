import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** A record that has to reach the event bus because the transaction that wrote it was committed. Deleted once published. */
@Entity({ schema: SCHEMA, name: 'outbox' })
@Index('outbox_key_id', ['key', 'id'])
export class OutboxRecordEntity {
  @PrimaryColumn({ name: 'id', type: 'bigint', generated: 'identity', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column({ name: 'topic', type: 'text' })
  topic!: string;

  @Column({ name: 'key', type: 'text' })
  key!: string;

  @Column({ name: 'headers', type: 'jsonb' })
  headers!: Readonly<Record<string, string>>;

  @Column({ name: 'value', type: 'bytea' })
  value!: Buffer;

  @Column({ name: 'added_at', type: 'timestamptz', default: () => 'now()' })
  addedAt!: Date;
}
