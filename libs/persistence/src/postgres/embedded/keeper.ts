import { Client } from 'pg';
import type { ServerSettings } from './cluster.js';
import { POSTGRES } from './server-user.js';

/** The advisory lock that every user of the server shares while it uses it: the bytes of "keep". */
const KEEPERS = 0x6b_65_65_70;
/** The advisory lock of the guard: the bytes of "guar". */
const GUARD = 0x67_75_61_72;
const GUARD_NAME = 'teststrip guard';

/** A connection that says: this process uses the server. */
export interface Keeper {
  readonly client: Client;
  /** True when nobody else uses the server; nobody can begin to from then on. */
  isLast(): Promise<boolean>;
  leave(): Promise<void>;
  /** Called once when the connection ends, whoever ended it. */
  onEnd(listener: () => void): void;
  /** Whether the keeper keeps its process alive: while the use begins and ends, not in between. */
  ref(): void;
  unref(): void;
}

/** A keeper on the server at this port; undefined when it does not answer, or is about to stop. */
export async function connectKeeper(port: number, { password }: ServerSettings): Promise<Keeper | undefined> {
  const client = await connect(port, password, 'teststrip keeper');
  if (!client) return undefined;
  try {
    await client.query('select pg_advisory_lock_shared($1)', [KEEPERS]);
  } catch {
    return undefined;
  }
  return {
    client,
    isLast: async () => {
      const { rows } = await client.query<{ last: boolean }>('select pg_try_advisory_lock($1) as last', [KEEPERS]);
      return rows[0]?.last === true;
    },
    leave: () => client.end().catch(() => undefined),
    onEnd: (listener) => void client.once('end', listener),
    ref: () => socketOf(client).ref(),
    unref: () => socketOf(client).unref(),
  };
}

/**
 * Leaves a session in the server that stops it once its last user is gone, however that user ended: `kill -9` releases a keeper's lock
 * like every other end does. The session outlives the process that opened it, because Postgres does not look after a client while a
 * statement runs. There is one guard; a second one ends at once.
 * @param onLost called when the guard's session was ended by somebody else
 */
export async function leaveGuard(port: number, { password }: ServerSettings, onLost: () => void): Promise<void> {
  const client = await connect(port, password, GUARD_NAME);
  if (!client) return;
  socketOf(client).unref();
  // It ends with the server, or at once when there is a guard already.
  client.query(WATCH).then(() => client.end(), onLost);
}

/**
 * Who has other sessions uses the server, though the keeper's may just have been lost. `commit` gives up the snapshot, which would keep
 * dead rows from being removed and the sessions from being read anew.
 */
const WATCH = `
do $$
begin
  if not pg_try_advisory_lock(${GUARD}) then return; end if;
  loop
    if pg_try_advisory_lock(${KEEPERS}) then
      exit when not exists (select from pg_stat_activity
                             where backend_type = 'client backend' and application_name <> '${GUARD_NAME}');
      perform pg_advisory_unlock(${KEEPERS});
    end if;
    commit;
    perform pg_sleep(1);
  end loop;
  execute format('copy (select 1) to program %L',
    'cat > /dev/null; kill -INT ' || split_part(pg_read_file('postmaster.pid'), E'\\n', 1));
end $$`;

async function connect(port: number, password: string, applicationName: string): Promise<Client | undefined> {
  const client = new Client({
    host: '127.0.0.1',
    port,
    user: POSTGRES,
    password,
    database: 'postgres',
    application_name: applicationName,
    connectionTimeoutMillis: 2_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch {
    return undefined;
  }
  return client;
}

/** The driver has these two methods, its types don't. */
function socketOf(client: Client): { ref(): void; unref(): void } {
  return client as unknown as { ref(): void; unref(): void };
}
