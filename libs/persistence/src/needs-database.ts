import { join } from 'node:path';
import { commonVariables, defineNeed, probe } from '#libs/platform';
import { databaseFor } from './postgres/database-for.js';
import type { Database } from './postgres/database.js';
import { migrate } from './schema/migrate.js';

/** The database of an app, migrated: the one at `DATABASE_URL`, or an embedded one under `DATA_DIR` that all processes with that folder share. */
export const needsDatabase = defineNeed({
  name: 'database',
  title: 'Database',
  variables: { DATABASE_URL: commonVariables.DATABASE_URL, DATA_DIR: commonVariables.DATA_DIR },
  async open({ DATABASE_URL, DATA_DIR }, { clientId, logger }) {
    const dataDir = join(DATA_DIR, 'postgres');
    const database = await databaseFor(DATABASE_URL, {
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
    return { resource: database, close: () => database.close() };
  },
  lend(database: Database, { health }) {
    health.add(probe('database', () => database.query('select 1')));
    return database;
  },
});
