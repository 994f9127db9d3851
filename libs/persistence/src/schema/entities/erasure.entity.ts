import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** A unit whose data was erased: the record for auditors, and what keeps it from coming back. */
@Entity({ schema: SCHEMA, name: 'erasures' })
export class ErasureEntity {
  /** First 64 bits of the SHA-256 of `unit:` and the name by which it was told. */
  @PrimaryColumn({ name: 'unit_digest', type: 'bigint' })
  readonly unitDigest!: string;

  /** Facts from before are not recorded again. */
  @Column({ name: 'erased_at', type: 'timestamptz' })
  readonly erasedAt!: Date;

  /** Who ordered it. */
  @Column({ name: 'actor', type: 'text' })
  readonly actor!: string;

  @Column({ name: 'reason', type: 'text' })
  readonly reason!: string;

  /** Null while it is under way, or after it was broken off. */
  @Column({ name: 'done_at', type: 'timestamptz', nullable: true })
  readonly doneAt!: Date | null;

  /** How many rows of which table went. */
  @Column({ name: 'rows', type: 'jsonb', nullable: true })
  readonly rows!: Readonly<Record<string, number>> | null;
}
