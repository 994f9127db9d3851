import { Column, PrimaryColumn } from 'typeorm';

/** What every event about one request says: which it is, and under which assignment it happened. */
export abstract class AssignedFact {
  @PrimaryColumn({ name: 'event_id', type: 'text' })
  readonly eventId!: string;

  @Column({ name: 'request_id', type: 'text' })
  readonly requestId!: string;

  @Column({ name: 'service', type: 'text' })
  readonly service!: string;

  /** Null, like the two below, where no experiment applied. */
  @Column({ name: 'experiment', type: 'text', nullable: true })
  readonly experiment!: string | null;

  @Column({ name: 'revision', type: 'integer', nullable: true })
  readonly revision!: number | null;

  @Column({ name: 'variant', type: 'text', nullable: true })
  readonly variant!: string | null;

  /** Known without an experiment too where a request was drawn into a part of a divided service. */
  @Column({ name: 'unit', type: 'text', nullable: true })
  readonly unit!: string | null;
}
