import type { Database } from './database.js';
import { startEmbeddedPostgres, type EmbeddedPostgresOptions } from './embedded/embedded-postgres.js';
import { openDatabase, type OpenDatabaseOptions } from './postgres-database.js';

/** The database at `url`, or without one an embedded Postgres, which `close` leaves (it stops with its last user). */
export async function databaseFor(
  url: string | undefined,
  options: Omit<OpenDatabaseOptions, 'url'> & EmbeddedPostgresOptions = {},
): Promise<Database> {
  if (url !== undefined) return openDatabase({ ...options, url });
  const server = await startEmbeddedPostgres(options);
  let database: Database;
  try {
    database = await openDatabase({ ...options, url: server.url });
  } catch (error) {
    await server.stop();
    throw error;
  }
  let closing: Promise<void> | undefined;
  return { ...database, close: () => (closing ??= database.close().then(() => server.stop())) };
}
