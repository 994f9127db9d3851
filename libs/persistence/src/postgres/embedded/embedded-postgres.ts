import { resolve } from 'node:path';
import type { Keeper } from './keeper.js';
import { serverPlace } from './server-place.js';
import type { Durability } from './server-process.js';
import { ServerUse } from './server-use.js';
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
  /** Is told when the server was lost and is back, or why it can't be. */
  readonly onTrouble?: (message: string) => void;
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
 * While somebody uses it, it is started again when it ends. As root it runs as the user `postgres`, which is created if need be, because
 * Postgres refuses to run as root.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  const { dataDir = '.teststrip/postgres', durability = 'power-loss', onTrouble = () => undefined } = options;
  const user = await serverUser();
  const place = await serverPlace(resolve(dataDir), user);
  options.onFolder?.(place.dir);
  const use = await ServerUse.begin({ place, user, durability, onTrouble }, createDatabase);
  return {
    url: `postgres://${POSTGRES}:${use.password}@127.0.0.1:${use.port}/${DATABASE}`,
    stop: () => use.end(),
  };
}

async function createDatabase({ client }: Keeper): Promise<void> {
  const known = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
  if (known.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
}
