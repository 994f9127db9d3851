import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openDatabase, startEmbeddedPostgres, type Database } from '#libs/persistence';
import { withDatabase, type TestDatabase } from '#libs/testing/database';

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

  it('bounds how long a transaction waits for a lock, not how long its commit does', async () => {
    await database.query(`create function wait_for_77() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock(77); return null; end $$`);
    await database.query('create table noted (word text)');
    await database.query(`create constraint trigger at_commit after insert on noted
      deferrable initially deferred for each row execute function wait_for_77()`);
    const holder = await database.session();
    await holder.query('select pg_advisory_lock(77)');
    const bounds = { lockedAtMostMs: 50 };
    const lock = database.transaction((tx) => tx.query('select pg_advisory_xact_lock(77)'), bounds);
    await expect(lock).rejects.toMatchObject({ code: '55P03' });
    const commit = database.transaction((tx) => tx.query(`insert into noted values ('kept')`), bounds);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await holder.release();
    await commit;
    expect(await database.query('select word from noted')).toEqual([{ word: 'kept' }]);
  });

  it('fails a transaction whose connection ends between two statements, says why, and lives on', async () => {
    const transaction = database.transaction(async (tx) => {
      const [row] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await database.query('SELECT pg_terminate_backend($1)', [row!.pid]);
      await vi.waitFor(async () => {
        expect(await database.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [row!.pid])).toEqual([]);
      });
      // The work between two statements, while the end of the connection arrives.
      await new Promise((resolve) => setTimeout(resolve, 100));
      await tx.query('SELECT 1');
    });
    await expect(transaction).rejects.toThrow(/lost in a transaction: terminating connection due to administrator/);
    await expect(transaction).rejects.toMatchObject({ code: '57P01' });
    const again = database.transaction((tx) => tx.query('SELECT 1 AS one'));
    expect(await again).toEqual([{ one: 1 }]);
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

  it('goes on by itself after a network that dropped everything without closing a connection', async () => {
    const proxy = await silentProxy(database.url);
    const through = await openDatabase({ url: proxy.url, answerWithinMs: 300 });
    onTestFinished(async () => {
      proxy.close();
      await through.close();
    });
    const heard: string[] = [];
    await through.listen('silence', (payload) => heard.push(payload));
    const session = await through.session();
    const lost = new Promise<Error>((resolve) => session.onLost(resolve));
    // A connection for each of those that are about to ask.
    await Promise.all([1, 2].map(() => through.query('SELECT pg_sleep(0.1)')));
    proxy.fallSilent();
    const noAnswer = /no answer within 300 ms/;
    await Promise.all([
      expect(through.query('SELECT 1')).rejects.toThrow(noAnswer),
      expect(through.transaction((tx) => tx.query('SELECT 1'))).rejects.toThrow(noAnswer),
      expect(session.query('SELECT 1')).rejects.toThrow(noAnswer),
    ]);
    await lost;
    expect(session.closed).toBe(true);
    proxy.heal();
    expect(await through.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await through.transaction((tx) => tx.query('SELECT 1 AS one'))).toEqual([{ one: 1 }]);
    await vi.waitFor(() => expect(heard).toEqual(['']), { timeout: 5_000 });
    await database.query(`SELECT pg_notify('silence', 'over')`);
    await vi.waitFor(() => expect(heard).toEqual(['', 'over']), { timeout: 5_000 });
  });

  it('says which address does not answer, without the password', async () => {
    await expect(openDatabase({ url: 'postgres://someone:secret@127.0.0.1:1/nothing' })).rejects.toThrow(
      /someone@127\.0\.0\.1:1\/nothing does not answer/,
    );
  });
});

/** Stands between a client and Postgres. What it carried when it fell silent is never heard of again; new connections are answered once it is healed. */
async function silentProxy(url: string) {
  const { hostname, port } = new URL(url);
  const pairs: { readonly from: Socket; readonly to: Socket }[] = [];
  let isSilent = false;
  const server = createServer((from) => {
    const to = connect(Number(port), hostname);
    for (const socket of [from, to]) socket.on('error', () => undefined);
    pairs.push({ from, to });
    if (isSilent) return;
    from.pipe(to);
    to.pipe(from);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.port = String((server.address() as AddressInfo).port);
  return {
    url: through.href,
    fallSilent: () => {
      isSilent = true;
      for (const { from, to } of pairs) {
        from.unpipe(to);
        to.unpipe(from);
      }
    },
    heal: () => void (isSilent = false),
    close: () => {
      for (const { from, to } of pairs) for (const socket of [from, to]) socket.destroy();
      server.close();
    },
  };
}

describe('embedded Postgres', () => {
  let dataDir: string;
  beforeEach(async () => {
    await mkdir('.teststrip', { recursive: true });
    dataDir = await mkdtemp(join(process.cwd(), '.teststrip', 'embedded-'));
  });
  afterEach(async () => {
    await vi.waitFor(() => expect(serverRuns(dataDir)).toBe(false), { timeout: 10_000 });
    await rm(dataDir, { recursive: true, force: true });
  });

  it(
    'keeps all data when its starter is killed, whether the next start adopts it or starts it anew, and stops with its last user',
    { tags: 'long' },
    async () => {
      const starter = await startUser(dataDir);
      await kill(starter);
      const first = await startEmbeddedPostgres({ dataDir });
      const second = await startEmbeddedPostgres({ dataDir });
      const database = await openDatabase({ url: second.url });
      expect(await database.query('SELECT word FROM kept')).toEqual([{ word: 'kept' }]);
      await first.stop();
      expect(await database.query('SELECT word FROM kept')).toEqual([{ word: 'kept' }]);
      await database.close();
      await second.stop();
      expect(serverRuns(dataDir)).toBe(false);
    },
  );

  it('stops by itself when its last user was killed', async () => {
    const starter = await startUser(dataDir);
    expect(serverRuns(dataDir)).toBe(true);
    await kill(starter);
    await vi.waitFor(() => expect(serverRuns(dataDir)).toBe(false), { timeout: 10_000 });
  });

  it(
    'stays while somebody uses it, though its starter was killed, and takes further users',
    { tags: 'long' },
    async () => {
      const starter = await startUser(dataDir);
      const other = await startEmbeddedPostgres({ dataDir });
      await kill(starter);
      // Longer than the server takes to notice that nobody is left.
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      const third = await startEmbeddedPostgres({ dataDir });
      const database = await openDatabase({ url: third.url });
      expect(await database.query('SELECT word FROM kept')).toEqual([{ word: 'kept' }]);
      await database.close();
      await other.stop();
      expect(serverRuns(dataDir)).toBe(true);
      await third.stop();
      expect(serverRuns(dataDir)).toBe(false);
    },
  );

  it('is started again at the same address, with its data, when its first process is killed', async () => {
    const told: string[] = [];
    const server = await startEmbeddedPostgres({ dataDir, onTrouble: (message) => told.push(message) });
    const database = await openDatabase({ url: server.url });
    await database.query("CREATE TABLE kept AS SELECT 'kept' AS word");
    process.kill(await postmasterOf(database), 'SIGKILL');
    await vi.waitFor(async () => expect(await database.query('SELECT word FROM kept')).toEqual([{ word: 'kept' }]), {
      timeout: 25_000,
      interval: 50,
    });
    await vi.waitFor(() => expect(told.at(-1)).toMatch(/was started again$/), { timeout: 5_000 });
    await database.close();
    await server.stop();
    // A keeper that has just come back may leave the end to the guard, which looks once a second.
    await vi.waitFor(() => expect(serverRuns(dataDir)).toBe(false), { timeout: 10_000 });
  });

  it('goes on when the connections that look after it are ended, and is looked after again', async () => {
    const server = await startEmbeddedPostgres({ dataDir });
    const database = await openDatabase({ url: server.url });
    const lookers = (): Promise<{ application_name: string }[]> =>
      database.query(
        `SELECT application_name FROM pg_stat_activity WHERE application_name IN ('teststrip keeper', 'teststrip guard') ORDER BY 1 DESC`,
      );
    const both = [{ application_name: 'teststrip keeper' }, { application_name: 'teststrip guard' }];
    await vi.waitFor(async () => expect(await lookers()).toEqual(both), { timeout: 5_000 });
    const before = await postmasterOf(database);
    for (const name of ['teststrip keeper', 'teststrip guard']) {
      await database.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [
        name,
      ]);
      await vi.waitFor(async () => expect(await lookers()).toEqual(both), { timeout: 20_000 });
    }
    expect(await postmasterOf(database)).toBe(before);
    await database.close();
    await server.stop();
    // A keeper that has just come back may leave the end to the guard, which looks once a second.
    await vi.waitFor(() => expect(serverRuns(dataDir)).toBe(false), { timeout: 10_000 });
  });

  it.each([
    ['an error that nobody catches', `setTimeout(() => { throw new Error('the model folder is missing'); })`],
    ['an exit without a goodbye', 'process.exit(1)'],
    ['a signal that nobody handles', `process.kill(process.pid, 'SIGTERM')`],
  ])('leaves no process behind after %s', { tags: 'long' }, async (_, end) => {
    const starter = await startUser(dataDir, end);
    await starter.gone;
    await vi.waitFor(() => expect(serverRuns(dataDir)).toBe(false), { timeout: 10_000 });
  });

  it('leaves no process behind when the start fails after the server was started', async () => {
    const server = await startEmbeddedPostgres({ dataDir });
    const admin = await openDatabase({ url: server.url.replace(/teststrip$/, 'postgres') });
    // Without the template no database can be created.
    await admin.query('ALTER DATABASE template1 IS_TEMPLATE false');
    await admin.query('DROP DATABASE template1');
    await admin.query('DROP DATABASE teststrip');
    await admin.close();
    await server.stop();
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toThrow(/template1/);
    expect(serverRuns(dataDir)).toBe(false);
  });
});

/** The first process of the server, as it says itself. */
async function postmasterOf(database: Database): Promise<number> {
  const [row] = await database.query<{ pid: number }>(
    `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::integer AS pid`,
  );
  return row!.pid;
}

interface User {
  readonly process: ChildProcess;
  readonly gone: Promise<unknown>;
}

/** A process that uses the embedded server and then runs `end`. */
async function startUser(dataDir: string, end = ''): Promise<User> {
  const user = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=teststrip-source', '--input-type=module', '-e', `${USER}${end}`, dataDir],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const gone = new Promise((resolve) => user.once('exit', resolve));
  await new Promise((resolve) => user.stdout.once('data', resolve));
  return { process: user, gone };
}

async function kill({ process: user, gone }: User): Promise<void> {
  user.kill('SIGKILL');
  await gone;
}

const USER = `
import { openDatabase, startEmbeddedPostgres } from '#libs/persistence';
const server = await startEmbeddedPostgres({ dataDir: process.argv[1], durability: 'process-crash' });
const database = await openDatabase({ url: server.url });
await database.query("CREATE TABLE kept AS SELECT 'kept' AS word");
console.log('ready');
setInterval(() => {}, 1000);
`;

/** Whether any process was started on this folder, or on the one that stands for it under root. */
function serverRuns(dataDir: string): boolean {
  const args = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  const standIn = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  return args
    .split('\n')
    .some((line) => /postgres\b.* -D /.test(line) && (line.includes(dataDir) || line.includes(standIn)));
}
