import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** An experiment of which analyses arrive: a controller that starts knows by it whose silence means something. */
@Entity({ schema: SCHEMA, name: 'analyses_heard' })
export class AnalysisHeardEntity {
  @PrimaryColumn({ name: 'experiment', type: 'text' })
  readonly experiment!: string;

  /** To a few seconds. */
  @Column({ name: 'heard_at', type: 'timestamptz' })
  readonly heardAt!: Date;
}
