import { join, resolve } from 'node:path';
import { createCluster } from './cluster.js';
import { withFileLock } from './file-lock.js';
import { leaveGuard } from './keeper.js';
import { runningPostmaster, stopPostmaster } from './postmaster.js';
import { serverPlace, type ServerPlace } from './server-place.js';
import { joinServer, startServer, type Durability, type UsedServer } from './server-process.js';
import { POSTGRES, serverUser } from './server-user.js';

export interface EmbeddedPostgresOptions {
  /** Holds the cluster, its log and its password. Default `.teststrip/postgres`. */
  readonly dataDir?: string;
  /**
   * What a resolved commit survives. `power-loss` (default) waits for the disk. `process-crash` hands the commit to the operating
   * system and does not wait: everything survives `kill -9` of any process, Postgres included, but not a power cut, which can
   * damage the cluster. For tests and benches.
   */
  readonly durability?: Durability;
  /** Is told the folder where the cluster lies, which as root may be another than `dataDir`. */
  readonly onFolder?: (folder: string) => void;
}

export interface EmbeddedPostgres {
  /** URL of the database `teststrip`. */
  readonly url: string;
  /** Ends this use; the server stops with its last user. */
  stop(): Promise<void>;
}

const DATABASE = 'teststrip';

/**
 * Starts a real Postgres 18 on 127.0.0.1, or joins the one that already runs on `dataDir`: other processes of this machine may share
 * it. It stops with its last user: at once when that user calls `stop`, within seconds when it dies, and at once when a start fails.
 * As root it runs as the user `postgres`, which is created if need be, because Postgres refuses to run as root.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  const { dataDir = '.teststrip/postgres', durability = 'power-loss' } = options;
  const user = await serverUser();
  const place = await serverPlace(resolve(dataDir), user);
  options.onFolder?.(place.dir);
  const locked = <T>(work: () => Promise<T>): Promise<T> => withFileLock(join(place.dir, 'lock'), work);
  return locked(async () => {
    const settings = await createCluster(place, user);
    const server = (await joinServer(place, settings)) ?? (await startServer(place, settings, user, durability));
    try {
      await leaveGuard(server.port, settings);
      await createDatabase(server);
    } catch (error) {
      await leave(place, server);
      throw error;
    }
    server.keeper.unref();
    return {
      url: `postgres://${POSTGRES}:${settings.password}@127.0.0.1:${server.port}/${DATABASE}`,
      stop: () => {
        server.keeper.ref();
        return locked(() => leave(place, server));
      },
    };
  });
}

async function createDatabase({ keeper }: UsedServer): Promise<void> {
  const known = await keeper.client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
  if (known.rowCount === 0) await keeper.client.query(`CREATE DATABASE ${DATABASE}`);
}

/** The last one stops the server. A keeper whose connection broke has left already, and the guard looks after the server. */
async function leave(place: ServerPlace, { keeper }: UsedServer): Promise<void> {
  const isLast = await keeper.isLast().catch(() => false);
  const postmaster = isLast ? await runningPostmaster(place) : undefined;
  if (postmaster) await stopPostmaster(place, postmaster);
  await keeper.leave();
}
