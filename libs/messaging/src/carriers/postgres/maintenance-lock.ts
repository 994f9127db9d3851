import type { Database, Queryable, TransactionOptions } from '#libs/persistence';

const MAINTENANCE_LOCK = 5_347_201_167;

/** Runs one step of maintenance in a transaction; undefined where another process is at one. */
export function underMaintenanceLock<T>(
  database: Database,
  step: (tx: Queryable) => Promise<T>,
  options?: TransactionOptions,
): Promise<T | undefined> {
  return database.transaction(async (tx) => {
    const [row] = await tx.query<{ had: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS had', [MAINTENANCE_LOCK]);
    return row!.had ? step(tx) : undefined;
  }, options);
}
