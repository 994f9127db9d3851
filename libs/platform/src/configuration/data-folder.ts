import { mkdir } from 'node:fs/promises';

/**
 * Makes a folder of the installation's own data, with those above it: closed to other accounts. Started as root, others may pass through it to what
 * they are given by name, since Postgres then runs as an account of its own. A folder that is there stays as it is.
 */
export async function makeDataFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
}
