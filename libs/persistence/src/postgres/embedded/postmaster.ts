import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isAlive } from './file-lock.js';
import type { ServerPlace } from './server-place.js';

/** The first process of a running server, as it says itself. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
}

/** The server that runs on the cluster of this place, if one does. */
export async function runningPostmaster(place: ServerPlace): Promise<Postmaster | undefined> {
  const lines = (await readFile(pidFile(place), 'utf8').catch(() => '')).split('\n');
  // The first line is the process id, the fourth the port.
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return Number.isInteger(pid) && pid > 0 && isAlive(pid) ? { pid, port } : undefined;
}

/** Cuts the sessions, leaves the cluster clean, and waits for the end. */
export async function stopPostmaster(place: ServerPlace, { pid }: Postmaster): Promise<void> {
  process.kill(pid, 'SIGINT');
  while (isAlive(pid) && existsSync(pidFile(place))) await pause(10);
}

function pidFile(place: ServerPlace): string {
  return join(place.cluster, 'postmaster.pid');
}
