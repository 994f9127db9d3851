import { createDataSource } from './data-source.js';
import type { Database } from '../postgres/database.js';
import { SCHEMA } from './entities/schema-name.js';

/**
 * Brings the database to the present schema. Every process may call it at its start: an advisory lock lets one of them
 * work while the others wait, and they find nothing left to do.
 * @returns names of the migrations that were run.
 */
export async function migrate(database: Database): Promise<readonly string[]> {
  const session = await database.session();
  try {
    await session.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
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

async function runMigrations(url: string): Promise<readonly string[]> {
  const source = await createDataSource(url, 1).initialize();
  try {
    const executed = await source.runMigrations({ transaction: 'each' });
    return executed.map(({ name }) => name);
  } finally {
    await source.destroy();
  }
}
