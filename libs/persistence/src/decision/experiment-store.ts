import type { Database, Queryable } from '../postgres/database.js';
import { listExperiments } from './list-experiments.js';
import { loadExperiment, type StoredExperiment } from './load-experiment.js';
import { readDecisionEvents, type DecisionEventRange, type StoredDecisionEvent } from './read-decision-events.js';
import { saveExperiment, type ExperimentChange } from './save-experiment.js';

/** State of the experiments and the audit log of what was decided about them. */
export interface ExperimentStore {
  /** The experiment as last saved; undefined when there is none of that key. */
  readonly load: (key: string) => Promise<StoredExperiment | undefined>;
  /** All experiments, by key. */
  readonly list: () => Promise<readonly StoredExperiment[]>;
  /**
   * Writes the new state and appends the decision events that led to it, in the caller's transaction.
   * @returns the new version.
   * @throws VersionConflictError when somebody else has saved since the version given.
   */
  readonly save: (tx: Queryable, change: ExperimentChange) => Promise<number>;
  /** The audit log of one experiment, oldest first. */
  readonly events: (key: string, range?: DecisionEventRange) => Promise<readonly StoredDecisionEvent[]>;
}

export function createExperimentStore(database: Database): ExperimentStore {
  return {
    load: (key) => loadExperiment(database, key),
    list: () => listExperiments(database),
    save: saveExperiment,
    events: (key, range = {}) => readDecisionEvents(database, key, range),
  };
}
