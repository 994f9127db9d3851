import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** A blinded pairwise judgement: `preference.judged.v1`. */
@Entity({ schema: SCHEMA, name: 'preferences' })
@Index('preferences_experiment', ['experiment', 'revision'])
export class PreferenceEntity {
  @PrimaryColumn({ name: 'event_id', type: 'text' })
  eventId!: string;

  @Column({ name: 'experiment', type: 'text' })
  experiment!: string;

  @Column({ name: 'revision', type: 'integer' })
  revision!: number;

  @Column({ name: 'rater', type: 'text' })
  rater!: string;

  @Column({ name: 'prompt', type: 'text' })
  prompt!: string;

  @Column({ name: 'left_variant', type: 'text' })
  leftVariant!: string;

  @Column({ name: 'left_generation_id', type: 'text' })
  leftGenerationId!: string;

  @Column({ name: 'right_variant', type: 'text' })
  rightVariant!: string;

  @Column({ name: 'right_generation_id', type: 'text' })
  rightGenerationId!: string;

  @Column({ name: 'preferred', type: 'text' })
  preferred!: string;

  @Column({ name: 'judged_at', type: 'timestamptz' })
  judgedAt!: Date;
}
