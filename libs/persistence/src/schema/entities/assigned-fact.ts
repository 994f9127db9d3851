import { Column, PrimaryColumn } from 'typeorm';

/**
 * A fact about a request, as it came over the bus. Its table is divided by the day of its time, so the time is a part of the key; what comes again with another time is left
 * out by who records it.
 */
export abstract class AssignedFact {
  /** First 64 bits of the SHA-256 of the event's id. Two events with the same digest would be taken for one. */
  @PrimaryColumn({ name: 'event_digest', type: 'bigint' })
  readonly eventDigest!: string;

  /** Null, like the two below, where no experiment applied. */
  @Column({ name: 'experiment', type: 'text', nullable: true })
  readonly experiment!: string | null;

  @Column({ name: 'revision', type: 'integer', nullable: true })
  readonly revision!: number | null;

  @Column({ name: 'variant', type: 'text', nullable: true })
  readonly variant!: string | null;

  /** Whose request it was; without an experiment as far as the event says. Null where that is nobody but the request, and in some rows of before. */
  @Column({ name: 'unit', type: 'text', nullable: true })
  readonly unit!: string | null;
}
