import { rm } from 'node:fs/promises';
import { migrate, openDatabase, startEmbeddedPostgres } from '#libs/persistence';

/** Gives a bench an embedded Postgres of its own, made anew, with the tables of the services, and removes it afterwards. */
export async function withOwnDatabase<T>(bench: string, use: (url: string) => Promise<T>): Promise<T> {
  const dataDir = `.teststrip/bench-${bench}`;
  await rm(dataDir, { recursive: true, force: true });
  const server = await startEmbeddedPostgres({ dataDir, durability: 'process-crash' });
  try {
    const database = await openDatabase({ url: server.url });
    await migrate(database);
    await database.close();
    return await use(server.url);
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}
