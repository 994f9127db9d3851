import type { Queryable } from '../postgres/database.js';

/** Another session whose lock somebody waits for. */
export interface LockHolder {
  readonly pid: number;
  readonly applicationName: string;
  /** Postgres' word, such as `idle in transaction`. */
  readonly state: string;
  /** For how long it has been in that state. */
  readonly forMs: number;
  readonly wasEnded: boolean;
}

/**
 * Who holds what the session `pid` waits for.
 * @param endIdleAfterMs sessions that have sat in a transaction without doing anything for longer are ended; null: none
 */
export async function lockHolders(
  database: Queryable,
  pid: number,
  endIdleAfterMs: number | null,
): Promise<readonly LockHolder[]> {
  return database.query<LockHolder>(
    `with holders as (
       select pid, coalesce(application_name, '') as "applicationName", coalesce(state, 'unknown') as state,
              coalesce(extract(epoch from clock_timestamp() - state_change) * 1000, 0)::float8 as "forMs"
         from pg_stat_activity where pid = any (pg_blocking_pids($1))
     )
     select *, case when state like 'idle in transaction%' and "forMs" > $2::float8
                    then pg_terminate_backend(pid) else false end as "wasEnded"
       from holders`,
    [pid, endIdleAfterMs],
  );
}
