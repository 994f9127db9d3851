import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '#libs/persistence';
import { createDataSource } from '#libs/persistence/schema';
import { withDatabase, type TestDatabase } from '#libs/testing/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await withDatabase();
  await migrate(database);
});
afterAll(() => database.close());

describe('entities and migrations', () => {
  it('describe the same tables, columns, keys, indexes, foreign keys, checks and views', async () => {
    const source = await openSource();
    try {
      const { upQueries } = await source.driver.createSchemaBuilder().log();
      expect(upQueries.map(({ query }) => query)).toEqual([]);
    } finally {
      await source.destroy();
    }
  });

  it('name every table and view of the database', async () => {
    const source = await openSource();
    const known = source.entityMetadatas.map(({ schema, tableName }) => `${schema}.${tableName}`);
    await source.destroy();
    expect(await relations()).toEqual([...known, 'teststrip.migrations', 'teststrip.typeorm_metadata'].sort());
  });

  it('list every file of their folders', async () => {
    const source = await openSource();
    const { entityMetadatas, migrations } = source;
    await source.destroy();
    expect(filesOf('entities', /\.(entity|view)\.ts$/)).toHaveLength(entityMetadatas.length);
    expect(filesOf('migrations', /^\d+-/).map((file) => file.split('-')[0])).toEqual(
      migrations.map(({ name }) => name?.slice(-13)),
    );
  });

  it('have views that run the text of their entities', async () => {
    const source = await openSource();
    const views = source.entityMetadatas.filter(({ tableType }) => tableType === 'view');
    await source.destroy();
    expect(views.length).toBeGreaterThan(0);
    for (const { tableName, expression } of views) {
      await database.query(`create view teststrip.of_the_entity as ${String(expression)}`);
      const [row] = await database.query<{ live: string; wanted: string }>(
        `select pg_get_viewdef('teststrip.${tableName}'::regclass) as live,
                pg_get_viewdef('teststrip.of_the_entity'::regclass) as wanted`,
      );
      await database.query('drop view teststrip.of_the_entity');
      expect(row?.live, tableName).toBe(row?.wanted);
    }
  });
});

/** TypeORM has no word for these, so no entity can say them: they are in the migrations alone, and here. */
describe('what TypeORM cannot see', () => {
  it('functions by which people read and find what is kept packed', async () => {
    const rows = await database.query<{ name: string }>(
      `select proname as name from pg_proc where pronamespace = 'teststrip'::regnamespace and prorettype <> 'trigger'::regtype order by 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual(['arm_of', 'first_about', 'id_of', 'last_about', 'packed_id']);
  });

  it('tables of facts for today and three days ahead', async () => {
    const rows = await database.query<{ name: string; days: number }>(
      `select p.relname as name, count(*)::integer as days from pg_inherits join pg_class p on p.oid = inhparent
        where p.relkind = 'p' and p.relnamespace = 'teststrip'::regnamespace group by 1 order by 1`,
    );
    expect(rows.map(({ name, days }) => `${name} ${days}`)).toEqual([
      'feedback 4',
      'generation_facts 4',
      'image_embeddings 4',
      'request_facts 4',
      'score_facts 4',
    ]);
  });

  it('free space on the pages of rows that are rewritten all the time', async () => {
    const rows = await database.query<{ name: string; options: string }>(
      `select relname as name, reloptions::text as options from pg_class
        where reloptions is not null and relnamespace in (${OURS}) order by 1`,
    );
    expect(rows.map(({ name, options }) => `${name} ${options}`)).toEqual([
      'consumed_positions {fillfactor=50}',
      'controllers {fillfactor=50}',
      'evidence_snapshots {fillfactor=50}',
      'partition {fillfactor=20}',
      'position {fillfactor=20}',
      'traffic {fillfactor=50}',
    ]);
  });

  it('the triggers that keep the audit logs from being changed', async () => {
    const rows = await database.query<{ name: string }>(
      `select tgname as name from pg_trigger join pg_class on pg_class.oid = tgrelid
        where not tgisinternal and relnamespace in (${OURS}) order by 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual(['decision_events_append_only', 'service_events_append_only']);
  });

  it('the bus keeps values as they are: small ones gain nothing from being compressed', async () => {
    const rows = await database.query<{ name: string }>(
      `select relname || '.' || attname as name
         from pg_attribute join pg_class on pg_class.oid = attrelid join pg_type on pg_type.oid = atttypid
        where relkind in ('r', 'p') and attnum > 0 and attstorage <> typstorage and relnamespace in (${OURS}) order by 1`,
    );
    const names = rows.map(({ name }) => name);
    // Every day has a table of its own.
    expect(names.filter((name) => !/^record_\d{8}\.value$/.test(name))).toEqual([
      'record.value',
      'record_before.value',
      'record_kept.value',
      'record_rest.value',
    ]);
    expect(names).toHaveLength(4 + 4);
  });
});

describe('reads through TypeORM', () => {
  it('run on connections that refuse to write, and compile nothing', async () => {
    const reads = await database.reads();
    await expect(reads.query('delete from teststrip.commands')).rejects.toThrow(/read-only transaction/);
    expect(await reads.query('show jit')).toEqual([{ jit: 'off' }]);
  });
});

const OURS = `'teststrip'::regnamespace, 'bus'::regnamespace`;

function openSource(): ReturnType<ReturnType<typeof createDataSource>['initialize']> {
  const options = { url: database.url, connections: 1, applicationName: 'teststrip tests' } as const;
  return createDataSource({ ...options, access: 'read-only' }).initialize();
}

async function relations(): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>(
    `select table_schema || '.' || table_name as name from information_schema.tables
      where table_schema in ('teststrip', 'bus')
        and not (select relispartition from pg_class where oid = format('%I.%I', table_schema, table_name)::regclass)`,
  );
  return rows.map(({ name }) => name).sort();
}

function filesOf(folder: string, pattern: RegExp): string[] {
  return readdirSync(`libs/persistence/src/schema/${folder}`)
    .filter((file) => pattern.test(file))
    .sort();
}
