import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Name of the superuser of the cluster, and of the operating system's user that the server runs as under root. */
export const POSTGRES = 'postgres';

export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** As whom the server runs; undefined: as we do. */
export async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  try {
    return await lookUpUser();
  } catch {
    await run('useradd', ['--system', '--user-group', '--no-create-home', POSTGRES]);
    return lookUpUser();
  }
}

async function lookUpUser(): Promise<ServerUser> {
  const [uid, gid] = await Promise.all([run('id', ['-u', POSTGRES]), run('id', ['-g', POSTGRES])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
