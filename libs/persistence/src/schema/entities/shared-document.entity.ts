import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** What many facts say alike, once: assignments (without what is a request's own), reported configurations, identities of scorers. */
@Entity({ schema: SCHEMA, name: 'shared_documents' })
export class SharedDocumentEntity {
  /** First 64 bits of the SHA-256 of its text, as it first came. */
  @PrimaryColumn({ name: 'digest', type: 'bigint' })
  readonly digest!: string;

  @Column({ name: 'document', type: 'jsonb' })
  readonly document!: unknown;

  /** The newest day of a fact that says it: it goes with that day. */
  @Column({ name: 'last_day', type: 'date' })
  readonly lastDay!: string;
}
