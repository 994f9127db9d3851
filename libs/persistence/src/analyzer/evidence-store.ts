import type { Queryable } from '../postgres/database.js';
import { forgetEvidence } from './forget-evidence.js';
import { listEvidence, type ListedEvidence } from './list-evidence.js';
import { loadEvidence, type EvidenceFilter } from './load-evidence.js';
import { saveEvidence, type EvidenceSnapshot } from './save-evidence.js';

/** Snapshots of the evidence, with the positions they rest on: what a restarted analyzer continues from. */
export interface EvidenceStore {
  /** Replaces the snapshots of these experiments, revisions and partitions. Pass the transaction that writes the positions. */
  readonly save: (tx: Queryable, snapshots: readonly EvidenceSnapshot[]) => Promise<void>;
  /** All snapshots by name, without what is in them; in the same order as `load`. */
  readonly list: () => Promise<readonly ListedEvidence[]>;
  /** Snapshots that match, ordered by experiment, revision and partition. */
  readonly load: (filter?: EvidenceFilter) => Promise<readonly EvidenceSnapshot[]>;
  /** Drops the snapshots of one revision, e.g. long after its end; of one place alone where that is given. */
  readonly forget: typeof forgetEvidence;
}

export function createEvidenceStore(database: Queryable): EvidenceStore {
  return {
    save: saveEvidence,
    list: () => listEvidence(database),
    load: (filter = {}) => loadEvidence(database, filter),
    forget: forgetEvidence,
  };
}
