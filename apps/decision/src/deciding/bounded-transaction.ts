import type { Database, Queryable } from '#libs/persistence';
import { lockHolders, type LockHolder } from '#libs/persistence/decision';

/** Somebody else keeps rows locked that a decision needs. Nothing was written; trying again helps once the lock is gone. */
export class LogLockedError extends Error {
  override readonly name = 'LogLockedError';
}

export interface TransactionBounds {
  /** For messages: "experiment sdxl-int8". */
  readonly whose: string;
  /** Default 500; another decision holds its rows for milliseconds. */
  readonly lockedAtMostMs?: number | undefined;
  /** A rollback does not wait for a session that sits in a transaction and does nothing: that session is ended. */
  readonly endsIdleHolders?: boolean;
  /** Told of every session that was ended. */
  readonly onEnded?: (holder: LockHolder) => void;
}

/** How long any of its statements may take. */
const STATEMENT_AT_MOST_MS = 10_000;
/** A program that is alive sends its next statement sooner. */
const IDLE_AFTER_MS = 1_000;
const LOOK_EVERY_MS = 300;
/** What Postgres says when one of the bounds is over: lock not available, query cancelled. */
const OVER: ReadonlySet<unknown> = new Set(['55P03', '57014']);

/**
 * A transaction that waits for nobody's lock for long.
 * @throws LogLockedError naming who holds the rows; nothing is written then.
 */
export async function boundedTransaction<T>(
  database: Database,
  bounds: TransactionBounds,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  const { whose, lockedAtMostMs = 500, endsIdleHolders = false, onEnded = () => undefined } = bounds;
  let holders: readonly LockHolder[] = [];
  let looking: NodeJS.Timeout | undefined;
  const look = async (pid: number): Promise<void> => {
    holders = await lockHolders(database, pid, endsIdleHolders ? IDLE_AFTER_MS : null);
    for (const holder of holders) if (holder.wasEnded) onEnded(holder);
  };
  try {
    return await database.transaction(
      async (tx) => {
        const [row] = await tx.query<{ pid: number }>(
          `select pg_backend_pid() as pid, set_config('statement_timeout', $1, true)`,
          [String(STATEMENT_AT_MOST_MS)],
        );
        const { pid } = row as { readonly pid: number };
        looking = setInterval(() => void look(pid).catch(() => undefined), LOOK_EVERY_MS);
        return work(tx);
      },
      { lockedAtMostMs },
    );
  } catch (error) {
    if (!OVER.has((error as { readonly code?: unknown }).code)) throw error;
    throw new LogLockedError(
      `${whose}: another session keeps its rows locked, nothing was decided: ${(error as Error).message}${inWords(holders)}`,
      { cause: error },
    );
  } finally {
    clearInterval(looking);
  }
}

function inWords(holders: readonly LockHolder[]): string {
  if (holders.length === 0) return '';
  return `; held by ${holders.map(holderInWords).join(', ')}`;
}

/** `session 4711 (psql), idle in transaction for 12 s`. */
export function holderInWords({ pid, applicationName, state, forMs }: LockHolder): string {
  const name = applicationName === '' ? '' : ` (${applicationName})`;
  return `session ${pid}${name}, ${state} for ${Math.round(forMs / 1_000)} s`;
}
