export type * from './postgres/database.js';
export { databaseFor } from './postgres/database-for.js';
export {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './postgres/embedded/embedded-postgres.js';
export { isDatabaseAway } from './postgres/database-away.js';
export { endSilentSessions } from './postgres/silent-sessions.js';
export { openDatabase, withoutPassword, type OpenDatabaseOptions } from './postgres/postgres-database.js';
export { migrate } from './schema/migrate.js';
export { listPositions, resetPositions, type ListedPosition } from './positions/reset-positions.js';
export { needsDatabase } from './needs-database.js';
