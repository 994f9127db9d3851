import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** Every revision of every experiment as it was announced: `experiment.defined.v1`. */
@Entity({ schema: SCHEMA, name: 'experiment_definitions' })
export class ExperimentDefinitionEntity {
  @PrimaryColumn({ name: 'experiment', type: 'text' })
  experiment!: string;

  @PrimaryColumn({ name: 'revision', type: 'integer' })
  revision!: number;

  @Column({ name: 'spec', type: 'jsonb' })
  spec!: unknown;

  /** Hash of the configuration, by variant. */
  @Column({ name: 'fingerprints', type: 'jsonb' })
  fingerprints!: unknown;

  @Column({ name: 'defined_at', type: 'timestamptz' })
  definedAt!: Date;

  @Column({ name: 'defined_by', type: 'text' })
  definedBy!: string;
}
