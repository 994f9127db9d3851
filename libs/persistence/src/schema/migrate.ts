import type { Database } from '../postgres/database.js';
import { createDataSource } from './data-source.js';
import { SCHEMA } from './entities/schema-name.js';
import { MIGRATIONS } from './migrations/index.js';

/**
 * Brings the database to the present schema. Every process calls it at its start: an advisory lock lets one of them
 * work while the others wait, and they find nothing left to do.
 * @returns names of the migrations that were run.
 */
export async function migrate(database: Database): Promise<readonly string[]> {
  if (await isUpToDate(database)) return [];
  const session = await database.session();
  try {
    await session.query('select pg_advisory_lock($1)', [MIGRATION_LOCK], { answerWithinMs: 0 });
    await session.query(`create schema if not exists ${SCHEMA}`);
    return await runMigrations(database.url);
  } finally {
    // A session's advisory lock outlives its queries; releasing the connection to a pool would keep it.
    if (!session.closed) await session.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    await session.release();
  }
}

/** Any number that nobody else locks: the bytes of "tstr". */
const MIGRATION_LOCK = 0x74_73_74_72;

/** Each migration is noted in its own transaction: what is noted is done. Costs two short queries, so that whoever is unsure can migrate. */
async function isUpToDate(database: Database): Promise<boolean> {
  const [table] = await database.query<{ exists: boolean }>(
    `select to_regclass('${SCHEMA}.migrations') is not null as exists`,
  );
  if (!table?.exists) return false;
  const done = await database.query<{ name: string }>(`select name from ${SCHEMA}.migrations`);
  const names = new Set(done.map(({ name }) => name));
  return MIGRATIONS.every(({ name }) => names.has(name));
}

async function runMigrations(url: string): Promise<readonly string[]> {
  const source = await createDataSource({
    url,
    connections: 1,
    access: 'read-write',
    applicationName: 'teststrip migrations',
  }).initialize();
  try {
    const executed = await source.runMigrations({ transaction: 'each' });
    return executed.map(({ name }) => name);
  } finally {
    await source.destroy();
  }
}
