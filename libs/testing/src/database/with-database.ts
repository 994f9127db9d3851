import { randomBytes } from 'node:crypto';
import { openDatabase, startEmbeddedPostgres, type Database } from '#libs/persistence';
import { documented, readConfig, variables } from '#libs/platform';

/** A database of a test's own. */
export interface TestDatabase extends Database {
  /** For a process of its own. */
  readonly url: string;
  /** Closes the connections, drops the database and leaves the server. */
  close(): Promise<void>;
}

/**
 * Gives a spec file a fresh, empty database on the server at DATABASE_URL or on one embedded server that all spec files share.
 * ```ts
 * let database: TestDatabase;
 * beforeAll(async () => (database = await withDatabase()));
 * afterAll(() => database.close());
 * ```
 */
export async function withDatabase(): Promise<TestDatabase> {
  const server = await testServer();
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = await openDatabase({ url: server.url, maxConnections: 1, applicationName: 'teststrip tests' });
  await admin.query(`CREATE DATABASE ${name} TEMPLATE template0`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const database = await openDatabase({ url: url.href, applicationName: 'teststrip tests' });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await database.close();
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.close();
    await server.stop();
  };
  return { ...database, url: url.href, close: () => (closing ??= close()) };
}

async function testServer(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const { DATABASE_URL } = readConfig({ DATABASE_URL: documented(variables.text.optional(), 'A server to test on.') });
  if (DATABASE_URL !== undefined) return { url: DATABASE_URL, stop: () => Promise.resolve() };
  return startEmbeddedPostgres({ dataDir: '.teststrip/test-postgres', durability: 'process-crash' });
}
