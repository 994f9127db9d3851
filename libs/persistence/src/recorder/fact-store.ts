import type { TeststripEvent } from '#libs/contracts';
import type { Database, Transaction } from '../postgres/database.js';
import { FactDays } from './days/fact-days.js';
import { eraseUnit, type ErasedRows, type ErasureRequest } from './erase/erase-unit.js';
import { prepareFact, type PreparedFact } from './record/prepared-fact.js';
import { recordFacts } from './record/record-facts.js';
import { SharedDocuments } from './record/shared-documents.js';
import { dropOldDays, openDaysAhead, type DroppedDays, type KeptSince } from './retain/drop-old-days.js';
import { thinAnalyses } from './retain/thin-analyses.js';

/** Raw facts as they came over the bus. */
export interface FactStore {
  /** What recording events takes of this process's time. Before their transaction, which would be kept open meanwhile. */
  readonly prepare: (events: readonly TeststripEvent[]) => readonly PreparedFact[];
  /**
   * Writes events into their tables, one statement per table, in the caller's transaction. An event that is there
   * already, by its id, changes nothing, whatever time it says. Kinds that are not kept (evidence summaries) are skipped.
   * @throws FactOfNoKeptDayError when one is of a day that is not kept; nothing is written then.
   */
  readonly record: (tx: Transaction, facts: readonly PreparedFact[]) => Promise<void>;
  /** Makes the tables of today and of the days that follow. */
  readonly openDaysAhead: () => Promise<void>;
  /**
   * Drops the days of requests, generations, scores, embeddings and feedback that were over before a time; counted traffic and everything about
   * decisions stays.
   */
  readonly forget: (before: KeptSince) => Promise<DroppedDays>;
  /** Erases what is kept of a unit, and leaves it out of what is recorded from its log again; what was counted stays. */
  readonly erase: (request: ErasureRequest) => Promise<ErasedRows>;
  /** Keeps of the old analyses every change of verdict and one per `everyMs` otherwise. Returns how many were deleted. */
  readonly thinAnalyses: (options: { readonly beforeMs: number; readonly everyMs: number }) => Promise<number>;
}

export function createFactStore(database: Database): FactStore {
  // Asked in the middle of a transaction that holds a connection of the pool: if all of them did, each would wait for another.
  const aside = database.ahead(2);
  const groundwork = { days: new FactDays(aside), documents: new SharedDocuments(aside) };
  return {
    prepare: (events) => events.map(prepareFact),
    record: (tx, facts) => recordFacts(tx, facts, groundwork),
    openDaysAhead: () => openDaysAhead(groundwork),
    forget: (before) => dropOldDays(groundwork, before),
    erase: (request) => eraseUnit(database, request),
    thinAnalyses: (options) => thinAnalyses(database, options),
  };
}
