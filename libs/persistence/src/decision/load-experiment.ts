import type { Queryable } from '../postgres/database.js';

/** The decision service's state of one experiment. */
export interface StoredExperiment {
  readonly key: string;
  readonly revision: number;
  /** Counts the saves; the next save has to name it. */
  readonly version: number;
  /** What libs/delivery made of the events so far; parse it at the door. */
  readonly state: unknown;
  /** The specification of the revision; parse it at the door. */
  readonly spec: unknown;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Names every column as the field of StoredExperiment that it fills. */
export const EXPERIMENT_COLUMNS =
  'key, revision, version, state, spec, created_at as "createdAt", updated_at as "updatedAt"';

export async function loadExperiment(database: Queryable, key: string): Promise<StoredExperiment | undefined> {
  const rows = await database.query<StoredExperiment>(
    `select ${EXPERIMENT_COLUMNS} from teststrip.experiments where key = $1`,
    [key],
  );
  return rows[0];
}
