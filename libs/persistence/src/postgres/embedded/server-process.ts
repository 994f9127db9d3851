import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ServerSettings } from './cluster.js';
import { freePort, isFree } from './free-port.js';
import { connectKeeper, type Keeper } from './keeper.js';
import { runningPostmaster } from './postmaster.js';
import { logFile, type ServerPlace } from './server-place.js';
import type { ServerUser } from './server-user.js';

/** What a resolved commit survives; see `EmbeddedPostgresOptions`. */
export type Durability = 'power-loss' | 'process-crash';

/** A server that this process uses. */
export interface UsedServer {
  readonly keeper: Keeper;
  readonly port: number;
}

const READY_TIMEOUT_MS = 20_000;

/** Joins the server that already runs on this cluster, if there is one. */
export async function joinServer(place: ServerPlace, settings: ServerSettings): Promise<UsedServer | undefined> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const postmaster = await runningPostmaster(place);
    if (!postmaster) return undefined;
    const port = postmaster.port || settings.port;
    const keeper = await connectKeeper(port, settings);
    if (keeper) return { keeper, port };
    // It is starting up or shutting down: it will answer or be gone.
    if (performance.now() > deadline) {
      const { pid } = postmaster;
      throw new Error(`Process ${pid} holds ${place.cluster} but does not answer as Postgres; see ${logFile(place)}`);
    }
    await pause(25);
  }
}

/** @throws Error when the server does not answer within 20 s; then it does not run either. */
export async function startServer(
  place: ServerPlace,
  settings: ServerSettings,
  user: ServerUser | undefined,
  durability: Durability,
): Promise<UsedServer> {
  const port = (await isFree(settings.port)) ? settings.port : await freePort();
  if (port !== settings.port) {
    await writeFile(join(place.dir, 'server.json'), JSON.stringify({ ...settings, port }), { mode: 0o600 });
  }
  const log = openSync(logFile(place), 'a');
  // Detached and writing to a file: neither Ctrl-C in the terminal nor the death of this process reaches the server.
  const server = spawn(place.binaries.postgres, ['-D', place.cluster, '-p', String(port), ...flags(durability)], {
    ...user,
    cwd: place.cluster,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const state: { ended?: string } = {};
  server.once('error', (error) => (state.ended = error.message));
  server.once('exit', (code, signal) => (state.ended = `exit ${code ?? signal}`));
  server.unref();
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (state.ended === undefined && performance.now() < deadline) {
    const keeper = await connectKeeper(port, settings);
    if (keeper) return { keeper, port };
    await pause(15);
  }
  // Without waiting for sessions or a checkpoint: whatever it hangs in, it ends.
  server.kill('SIGQUIT');
  throw new Error(`Embedded Postgres did not start (${state.ended ?? 'no answer'}); see ${logFile(place)}`);
}

/** Small machine, many short statements: no parallel plans, no JIT, few checkpoints, eager vacuum of the hot rows. */
function flags(durability: Durability): readonly string[] {
  const settings = {
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
    // A commit is still written before it is answered, though not to the disk: what the server has only in memory would go with it.
    ...(durability === 'process-crash' ? { fsync: 'off', full_page_writes: 'off' } : {}),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
