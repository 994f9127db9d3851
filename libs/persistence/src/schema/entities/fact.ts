import { Column, PrimaryColumn } from 'typeorm';

/**
 * A fact about a request, as it is kept. Its table is divided by the day of its time, so the time is a part of the key; what comes again with another time is left
 * out by who records it.
 */
export abstract class Fact {
  /** Which event it was, and what about: see `factDigest`. Two events with the same digest would be taken for one. */
  @PrimaryColumn({ name: 'event_digest', type: 'bigint' })
  readonly eventDigest!: string;

  /** Whose request it was; without an experiment as far as the event says. Null where that is nobody but the request, and in some rows of before. */
  @Column({ name: 'unit', type: 'text', nullable: true })
  readonly unit!: string | null;
}
