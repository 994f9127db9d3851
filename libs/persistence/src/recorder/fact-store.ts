import type { TeststripEvent } from '#libs/contracts';
import type { Database, Queryable } from '../postgres/database.js';
import { recordFacts } from './record/record-facts.js';
import { forgetFacts, type ForgottenFacts } from './retain/forget-facts.js';
import { thinAnalyses } from './retain/thin-analyses.js';

/** Raw facts as they came over the bus. */
export interface FactStore {
  /**
   * Writes events into their tables, one statement per kind of event, in the caller's transaction. An event that is there
   * already changes nothing. Kinds that are not kept (evidence summaries) are skipped.
   */
  readonly record: (tx: Queryable, events: readonly TeststripEvent[]) => Promise<void>;
  /** Deletes requests, generations, scores and feedback older than `beforeMs`, in small transactions; counted traffic and everything about decisions stays. */
  readonly forget: (beforeMs: number) => Promise<ForgottenFacts>;
  /** Keeps of the old analyses every change of verdict and one per `everyMs` otherwise. Returns how many were deleted. */
  readonly thinAnalyses: (options: { readonly beforeMs: number; readonly everyMs: number }) => Promise<number>;
}

export function createFactStore(database: Database): FactStore {
  return {
    record: recordFacts,
    forget: (beforeMs) => forgetFacts(database, beforeMs),
    thinAnalyses: (options) => thinAnalyses(database, options),
  };
}
