import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ExperimentSpec } from '#libs/contracts';
import { SCHEMA } from './schema-name.js';

/** Every revision of every experiment as it was announced: `experiment.defined.v1`. */
@Entity({ schema: SCHEMA, name: 'experiment_definitions' })
export class ExperimentDefinitionEntity {
  @PrimaryColumn({ name: 'experiment', type: 'text' })
  readonly experiment!: string;

  @PrimaryColumn({ name: 'revision', type: 'integer' })
  readonly revision!: number;

  @Column({ name: 'spec', type: 'jsonb' })
  readonly spec!: ExperimentSpec;

  /** Hash of the configuration, by variant. */
  @Column({ name: 'fingerprints', type: 'jsonb' })
  readonly fingerprints!: Readonly<Record<string, string>>;

  @Column({ name: 'defined_at', type: 'timestamptz' })
  readonly definedAt!: Date;

  @Column({ name: 'defined_by', type: 'text' })
  readonly definedBy!: string;
}
