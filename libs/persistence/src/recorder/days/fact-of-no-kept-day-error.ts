import { dateOf } from './fact-tables.js';
import type { KeptDays } from './fact-days.js';

/** A fact is of a day that is not kept: too old, or too far ahead of the database's clock. Trying again never helps. */
export class FactOfNoKeptDayError extends Error {
  override readonly name = 'FactOfNoKeptDayError';

  constructor(what: string, day: number, kept: KeptDays) {
    const reason = day < kept.from ? 'facts of earlier days were dropped' : 'that is ahead of the clock';
    super(`${what} is of ${dateOf(day)}, and kept are ${dateOf(kept.from)} to ${dateOf(kept.to)}: ${reason}`);
  }
}
