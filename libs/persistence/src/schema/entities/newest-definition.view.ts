import { ViewColumn, ViewEntity } from 'typeorm';
import type { ExperimentSpec } from '#libs/contracts';
import { SCHEMA } from './schema-name.js';

/** The newest revision of every experiment. */
@ViewEntity({
  schema: SCHEMA,
  name: 'newest_definitions',
  expression: `
select distinct on (experiment) experiment, revision, spec, fingerprints, defined_at, defined_by
  from teststrip.experiment_definitions
 order by experiment, revision desc`,
})
export class NewestDefinitionView {
  @ViewColumn({ name: 'experiment' })
  readonly experiment!: string;

  @ViewColumn({ name: 'revision' })
  readonly revision!: number;

  @ViewColumn({ name: 'spec' })
  readonly spec!: ExperimentSpec;

  /** Hash of the configuration, by variant. */
  @ViewColumn({ name: 'fingerprints' })
  readonly fingerprints!: Readonly<Record<string, string>>;

  @ViewColumn({ name: 'defined_at' })
  readonly definedAt!: Date;

  @ViewColumn({ name: 'defined_by' })
  readonly definedBy!: string;
}
