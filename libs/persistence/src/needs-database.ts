import { join } from 'node:path';
import { commonVariables, defineNeed, probe, untilThere, type NeedRequest } from '#libs/platform';
import { isDatabaseAway } from './postgres/database-away.js';
import { databaseFor } from './postgres/database-for.js';
import type { Database } from './postgres/database.js';
import { withoutPassword } from './postgres/postgres-database.js';
import { migrate } from './schema/migrate.js';

/** The database of an app, migrated: the one at `DATABASE_URL`, which is waited for, or an embedded one under `DATA_DIR` that all processes with that folder share. */
export const needsDatabase = defineNeed({
  name: 'database',
  title: 'Database',
  variables: { DATABASE_URL: commonVariables.DATABASE_URL, DATA_DIR: commonVariables.DATA_DIR },
  async open({ DATABASE_URL, DATA_DIR }, request) {
    const open = (): Promise<Database> => openMigrated(DATABASE_URL, join(DATA_DIR, 'postgres'), request);
    // What is embedded is started by whoever opens it: nobody else will.
    const database =
      DATABASE_URL === undefined
        ? await open()
        : await untilThere(
            { what: `Postgres at ${withoutPassword(DATABASE_URL)}`, open, mayCome: isDatabaseAway },
            request,
          );
    return { resource: database, close: () => database.close() };
  },
  isAway: isDatabaseAway,
  lend(database: Database, { health }) {
    health.add(probe('database', () => database.query('select 1')));
    return database;
  },
});

async function openMigrated(
  url: string | undefined,
  dataDir: string,
  { clientId, logger }: NeedRequest,
): Promise<Database> {
  const database = await databaseFor(url, {
    dataDir,
    applicationName: clientId,
    onFolder: (folder) => logger.log(`Postgres keeps its data in ${folder}`),
    onTrouble: (message) => logger.warn(message),
  });
  try {
    await migrate(database);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}
