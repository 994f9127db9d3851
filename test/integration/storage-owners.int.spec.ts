import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '#libs/persistence';
import { withDatabase, type TestDatabase } from '#libs/testing/database';

const PAGE = readFileSync('docs/storage.md', 'utf8');

/** Folder by owner, as the page says. */
const FOLDERS = new Map(rowsAfter('# Who writes') as [string, string][]);
/** Owner by table, as the page says. */
const OWNERS = new Map(rowsAfter('## Tables') as [string, string][]);
const VIEWS = rowsAfter('## Views').map(([view]) => view);

const SOURCES = ['apps', 'libs', 'lab', 'tools'];
/** A table written out as schema and name, with or without quotes. */
const NAMED = String.raw`"?\b(?:teststrip|bus)"?\s*\.\s*"?\w+"?`;
/** A statement that writes, and the list of what it writes to. `update` is told from `on conflict do update` and `for update` by the schema's name. */
const WRITE = new RegExp(
  String.raw`\b(?:(?:insert|merge)\s+into|delete\s+from|truncate(?:\s+table)?|copy|update)\s+((?:only\s+)?${NAMED}(?:\s*\*?\s*,\s*(?:only\s+)?${NAMED})*)`,
  'gi',
);
/** A statement that writes to something that is not written out as schema and table. */
const UNCLEAR_WRITE = new RegExp(
  [
    String.raw`\b(?:(?:insert|merge)\s+into|delete\s+from|truncate\s+table)\s+(?:only\s+)?(?!${NAMED})(?=[\w"$]*[.{"])\S+`,
    String.raw`\bupdate\s+(?:only\s+)?(?:\w+\.)?\$\{\S+`,
    String.raw`\btruncate\s+[^;\x60']*\$\{\S+`,
  ].join('|'),
  'gi',
);

describe('tables and their owners', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await withDatabase();
    await migrate(database);
  });
  afterAll(() => database.close());

  it('the page names every table of a migrated database once, and no other', async () => {
    const tables = rowsAfter('## Tables').map(([table]) => table);
    expect([...tables].sort()).toEqual(await relations(database, 'BASE TABLE'));
    expect([...VIEWS].sort()).toEqual(await relations(database, 'VIEW'));
  });

  it('the page gives every table to an owner whose folder exists', () => {
    for (const [table, owner] of OWNERS) expect(FOLDERS.has(owner), `${table}: ${owner}`).toBe(true);
    for (const folder of FOLDERS.values()) expect(() => readdirSync(folder)).not.toThrow();
  });

  it('every statement that writes a table stands in the folder of its owner', () => {
    const strangers = writes()
      // A migration changes what is stored, whoever owns it.
      .filter(({ file }) => !file.startsWith('libs/persistence/src/schema/migrations/'))
      .filter(({ file, table }) => !file.startsWith(`${FOLDERS.get(OWNERS.get(table) ?? '')}/`))
      .map(({ file, table }) => `${file} writes ${table}, which belongs to ${OWNERS.get(table) ?? 'nobody'}`);
    expect(strangers).toEqual([]);
  });

  it.each([
    ['update "teststrip"."commands" set x = 1', ['teststrip.commands']],
    ['update only teststrip."commands" set x = 1', ['teststrip.commands']],
    ['truncate teststrip.outbox, teststrip.commands', ['teststrip.outbox', 'teststrip.commands']],
    ['TRUNCATE TABLE "teststrip".outbox ,\n only "bus"."Records" cascade', ['teststrip.outbox', 'bus.records']],
    ['insert into teststrip.outbox (key) select key from teststrip.commands', ['teststrip.outbox']],
    ['on conflict (key) do update set x = 1; select 1 from teststrip.outbox for update', []],
  ])('a statement is seen with all that it writes: %s', (statement, tables) => {
    expect(tablesWrittenBy(statement)).toEqual(tables);
  });

  it('every table is written by somebody', () => {
    const written = new Set(writes().map(({ table }) => table));
    const notedByTypeorm = ['teststrip.migrations'];
    expect([...OWNERS.keys()].filter((table) => !written.has(table))).toEqual(notedByTypeorm);
  });

  it('every statement that writes names its table in full, so that this test sees it', () => {
    const unclear = sources().flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(UNCLEAR_WRITE)].map(([statement]) => `${file}: ${statement}`),
    );
    expect(unclear).toEqual([]);
  });

  it('TypeORM gets a connection that may write for migrations only', () => {
    const writers = sources().filter((file) => readFileSync(file, 'utf8').includes(`access: 'read-write'`));
    expect(writers).toEqual(['libs/persistence/src/schema/migrate.ts']);
  });

  it('the reports write no table', () => {
    expect(writes().filter(({ file }) => /\/reports\//.test(file))).toEqual([]);
  });
});

function writes(): readonly { readonly file: string; readonly table: string }[] {
  return sources().flatMap((file) => tablesWrittenBy(readFileSync(file, 'utf8')).map((table) => ({ file, table })));
}

function tablesWrittenBy(text: string): readonly string[] {
  return [...text.matchAll(WRITE)].flatMap(([, list]) =>
    [...(list as string).matchAll(new RegExp(NAMED, 'gi'))].map(([table]) =>
      table.replaceAll(/["\s]/g, '').toLowerCase(),
    ),
  );
}

function sources(): readonly string[] {
  return SOURCES.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|sql)$/.test(name) && !name.endsWith('.spec.ts'))
      .map((name) => join(folder, name)),
  );
}

/** The cells in backquotes of the first table after a heading, row by row. */
function rowsAfter(heading: string): readonly (readonly string[])[] {
  const lines = PAGE.slice(PAGE.indexOf(heading)).split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const length = lines.slice(first).findIndex((line) => !line.startsWith('|'));
  return lines
    .slice(first + 2, first + length)
    .map((line) => line.split('|').flatMap((cell) => /^ *`([^`]+)` *$/.exec(cell)?.[1] ?? []));
}

async function relations(database: TestDatabase, type: 'BASE TABLE' | 'VIEW'): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>(
    `select table_schema || '.' || table_name as name from information_schema.tables
      where table_schema in ('teststrip', 'bus') and table_type = $1
        and not (select relispartition from pg_class where oid = format('%I.%I', table_schema, table_name)::regclass)`,
    [type],
  );
  return rows.map(({ name }) => name).sort();
}
