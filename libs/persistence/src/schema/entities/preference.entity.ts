import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** A blinded pairwise judgement: `preference.judged.v1`. */
@Entity({ schema: SCHEMA, name: 'preferences' })
@Index('preferences_experiment', ['experiment', 'revision'])
export class PreferenceEntity {
  @PrimaryColumn({ name: 'event_id', type: 'text' })
  readonly eventId!: string;

  @Column({ name: 'experiment', type: 'text' })
  readonly experiment!: string;

  @Column({ name: 'revision', type: 'integer' })
  readonly revision!: number;

  @Column({ name: 'rater', type: 'text' })
  readonly rater!: string;

  @Column({ name: 'prompt', type: 'text' })
  readonly prompt!: string;

  @Column({ name: 'left_variant', type: 'text' })
  readonly leftVariant!: string;

  @Column({ name: 'left_generation_id', type: 'text' })
  readonly leftGenerationId!: string;

  @Column({ name: 'right_variant', type: 'text' })
  readonly rightVariant!: string;

  @Column({ name: 'right_generation_id', type: 'text' })
  readonly rightGenerationId!: string;

  @Column({ name: 'preferred', type: 'text' })
  readonly preferred!: string;

  @Column({ name: 'judged_at', type: 'timestamptz' })
  readonly judgedAt!: Date;
}
