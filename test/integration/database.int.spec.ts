import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openDatabase, startEmbeddedPostgres } from '#libs/persistence';
import { withDatabase, type TestDatabase } from '#libs/testing';

describe('database', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await withDatabase();
    await database.query('CREATE TABLE note (id bigint PRIMARY KEY, body bytea)');
  });
  afterAll(() => database.close());

  it('reads bigint as number and bytea as Buffer, bytes from 0x80 on included, also from a prepared statement', async () => {
    const body = Buffer.from([0, 0x80, 0xf0, 255]);
    await database.query('INSERT INTO note VALUES ($1, $2)', [2 ** 40 + 0xf0, body]);
    for (const prepareAs of [undefined, 'read_notes']) {
      const rows = await database.query('SELECT id, body FROM note', [], { prepareAs });
      expect(rows).toEqual([{ id: 2 ** 40 + 0xf0, body }]);
    }
  });

  it('leaves nothing of a transaction that fails', async () => {
    const failing = database.transaction(async (tx) => {
      await tx.query('INSERT INTO note VALUES (7, NULL)');
      await tx.query('INSERT INTO note VALUES (7, NULL)');
    });
    await expect(failing).rejects.toThrow(/duplicate key.*in: INSERT INTO note/s);
    expect(await database.query('SELECT 1 FROM note WHERE id = 7')).toEqual([]);
  });

  it('delivers notifications, and calls once after a lost connection', async () => {
    const heard: string[] = [];
    const stop = await database.listen('news', (payload) => heard.push(payload));
    await database.query(`SELECT pg_notify('news', 'first')`);
    await vi.waitFor(() => expect(heard).toEqual(['first']));
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`,
    );
    await vi.waitFor(() => expect(heard).toEqual(['first', '']), { timeout: 5_000 });
    await database.query(`SELECT pg_notify('news', 'second')`);
    await vi.waitFor(() => expect(heard).toEqual(['first', '', 'second']));
    await stop();
  });

  it('tells the owner of a session that it is lost', async () => {
    const session = await database.session();
    const [row] = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const lost = new Promise<Error>((resolve) => session.onLost(resolve));
    await database.query('SELECT pg_terminate_backend($1)', [row!.pid]);
    await lost;
    expect(session.closed).toBe(true);
  });

  it('says which address does not answer, without the password', async () => {
    await expect(openDatabase({ url: 'postgres://someone:secret@127.0.0.1:1/nothing' })).rejects.toThrow(
      /someone@127\.0\.0\.1:1\/nothing does not answer/,
    );
  });
});

describe('embedded Postgres', () => {
  it('survives kill -9 of its starter, is adopted with all data, and stops with its last user', async () => {
    await mkdir('.teststrip', { recursive: true });
    const dataDir = await mkdtemp(join(process.cwd(), '.teststrip', 'embedded-'));
    try {
      const starter = spawn(
        process.execPath,
        ['--import', 'tsx', '--conditions=teststrip-source', '--input-type=module', '-e', STARTER, dataDir],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await new Promise((resolve) => starter.stdout.once('data', resolve));
      const gone = new Promise((resolve) => starter.once('exit', resolve));
      starter.kill('SIGKILL');
      await gone;

      const first = await startEmbeddedPostgres({ dataDir });
      const second = await startEmbeddedPostgres({ dataDir });
      const database = await openDatabase({ url: second.url });
      expect(await database.query('SELECT word FROM kept')).toEqual([{ word: 'kept' }]);
      await first.stop();
      expect(await database.query('SELECT word FROM kept')).toEqual([{ word: 'kept' }]);
      await database.close();
      await second.stop();
      expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(dataDir);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

const STARTER = `
import { openDatabase, startEmbeddedPostgres } from '#libs/persistence';
const server = await startEmbeddedPostgres({ dataDir: process.argv[1], durability: 'process-crash' });
const database = await openDatabase({ url: server.url });
await database.query("CREATE TABLE kept AS SELECT 'kept' AS word");
console.log('ready');
setInterval(() => {}, 1000);
`;
