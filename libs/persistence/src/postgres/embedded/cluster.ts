import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import type { ServerPlace } from './server-place.js';
import { POSTGRES, type ServerUser } from './server-user.js';

const run = promisify(execFile);

export interface ServerSettings {
  readonly port: number;
  readonly password: string;
}

/** The settings of the cluster at this place, which is made if there is none. */
export async function createCluster(place: ServerPlace, user: ServerUser | undefined): Promise<ServerSettings> {
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
  if (user) {
    await chown(draft, user.uid, user.gid);
    await chown(passwordFile, user.uid, user.gid);
  }
  try {
    // Plain passwords over the loopback: SCRAM would cost 10 ms of CPU per connection and protect nothing here.
    const how = [
      '--auth=password',
      `--username=${POSTGRES}`,
      `--pwfile=${passwordFile}`,
      '--locale=C',
      '--encoding=UTF8',
    ];
    await run(place.binaries.initdb, ['-D', draft, '--no-sync', ...how], { ...user, cwd: place.dir });
  } finally {
    await rm(passwordFile, { force: true });
  }
  await writeFile(settingsFile, JSON.stringify(settings), { mode: 0o600 });
  await rename(draft, place.cluster);
  return settings;
}
