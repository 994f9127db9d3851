import type { Queryable } from '../postgres/database.js';
import { appendDecisionEvents, type NewDecisionEvent } from './append-decision-events.js';

export interface ExperimentChange {
  readonly key: string;
  readonly revision: number;
  /** The version that was loaded; 0 for an experiment that does not exist yet. */
  readonly expectedVersion: number;
  /** JSON values. */
  readonly state: unknown;
  /** Which form `state` has, for who reads it. */
  readonly stateForm?: number | undefined;
  readonly spec: unknown;
  /** What led from the loaded state to this one; appended to the audit log. */
  readonly events: readonly NewDecisionEvent[];
}

/** Somebody else has saved the experiment: load it, decide again, save again. */
export class VersionConflictError extends Error {
  override readonly name = 'VersionConflictError';
}

/**
 * Writes the new state and appends its decision events.
 * @returns the new version.
 * @throws VersionConflictError when the stored version is not the expected one.
 */
export async function saveExperiment(tx: Queryable, change: ExperimentChange): Promise<number> {
  const version = change.expectedVersion + 1;
  const written = change.expectedVersion === 0 ? await insert(tx, change) : await update(tx, change);
  if (!written) {
    throw new VersionConflictError(
      `experiment ${change.key}: expected version ${change.expectedVersion}, but it was saved by somebody else since; load it and decide again`,
    );
  }
  await appendDecisionEvents(tx, change.key, change.events);
  return version;
}

async function insert(tx: Queryable, { key, revision, state, stateForm, spec }: ExperimentChange): Promise<boolean> {
  const rows = await tx.query(
    `insert into teststrip.experiments (key, revision, version, state, spec, state_form)
     values ($1, $2, 1, $3::jsonb, $4::jsonb, $5)
     on conflict (key) do nothing
     returning 1`,
    [key, revision, JSON.stringify(state), JSON.stringify(spec), stateForm ?? null],
  );
  return rows.length > 0;
}

async function update(tx: Queryable, change: ExperimentChange): Promise<boolean> {
  const rows = await tx.query(
    `update teststrip.experiments
        set revision = $3, version = version + 1, state = $4::jsonb, spec = $5::jsonb, state_form = $6, updated_at = now()
      where key = $1 and version = $2
      returning 1`,
    [
      change.key,
      change.expectedVersion,
      change.revision,
      JSON.stringify(change.state),
      JSON.stringify(change.spec),
      change.stateForm ?? null,
    ],
  );
  return rows.length > 0;
}
