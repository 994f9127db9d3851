import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ExperimentAnalysed } from '#libs/contracts';
import { SCHEMA } from './schema-name.js';

/** The analyses of one experiment: the last one of each second and of each set of verdicts in it: `experiment.analysed.v1`. */
@Entity({ schema: SCHEMA, name: 'analyses' })
export class AnalysisEntity {
  @PrimaryColumn({ name: 'experiment', type: 'text' })
  readonly experiment!: string;

  @PrimaryColumn({ name: 'revision', type: 'integer' })
  readonly revision!: number;

  /** `analysed_at` cut to the second. */
  @PrimaryColumn({ name: 'second', type: 'timestamptz' })
  readonly second!: Date;

  /** Hash of stage, epoch, verdicts and health: a change of any gets a row of its own. */
  @PrimaryColumn({ name: 'signature', type: 'text' })
  readonly signature!: string;

  @Column({ name: 'analysed_at', type: 'timestamptz' })
  readonly analysedAt!: Date;

  /** The whole event. */
  @Column({ name: 'analysis', type: 'jsonb' })
  readonly analysis!: ExperimentAnalysed;
}
