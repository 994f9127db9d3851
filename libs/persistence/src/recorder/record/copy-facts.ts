import type { Transaction } from '../../postgres/database.js';

/** SQLSTATE "unique violation". */
const TAKEN_KEY = '23505';

/** Somebody else has recorded one of the facts since it was looked for; what was written since is taken back. */
export class RecordedMeanwhileError extends Error {
  override readonly name = 'RecordedMeanwhileError';
}

/**
 * Copies facts into their tables. Unlike `insert` it passes over none that is there already: those have been looked for. What was recorded since then, by who has the same event under another key of
 * its topic, takes back all that was copied.
 */
export class FactCopier {
  private isPointSaved = false;

  constructor(private readonly tx: Transaction) {}

  /**
   * @param sql see `CopiedTable`
   * @throws RecordedMeanwhileError after which the facts are to be looked for again
   */
  async copy(sql: string, rows: readonly string[]): Promise<void> {
    if (rows.length === 0) return;
    // In one message.
    const statement = this.isPointSaved ? sql : `savepoint before_facts; ${sql}`;
    try {
      await this.tx.copyIn(statement, rows.join(''));
      this.isPointSaved = true;
    } catch (error) {
      if ((error as { readonly code?: string }).code !== TAKEN_KEY) throw error;
      await this.tx.query('rollback to savepoint before_facts');
      throw new RecordedMeanwhileError((error as Error).message, { cause: error });
    }
  }
}
