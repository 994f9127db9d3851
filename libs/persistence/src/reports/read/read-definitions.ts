import type { ExperimentSpec } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';

export interface RecordedDefinition {
  readonly experiment: string;
  readonly revision: number;
  readonly spec: ExperimentSpec;
  readonly fingerprints: Readonly<Record<string, string>>;
  readonly definedAt: Date;
  readonly definedBy: string;
}

/** The newest revision of every experiment, or of one; newest first. */
export async function readDefinitions(
  database: Queryable,
  experiment: string | undefined,
): Promise<readonly RecordedDefinition[]> {
  return database.query<RecordedDefinition>(
    `select * from (
       select distinct on (experiment) experiment, revision, spec, fingerprints,
              defined_at as "definedAt", defined_by as "definedBy"
         from teststrip.experiment_definitions
        where $1::text is null or experiment = $1
        order by experiment, revision desc) as newest
      order by "definedAt" desc, experiment`,
    [experiment ?? null],
  );
}
