import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { makeDataFolder } from './data-folder.js';

/**
 * The content of a file that an installation makes once, readable to its owner alone. Processes that start at the same time agree on one content.
 * @throws Error where the file can't be read or made
 */
export async function madeOnce(file: string, make: () => string): Promise<string> {
  return (await readIfThere(file)) ?? create(file, make());
}

async function create(file: string, content: string): Promise<string> {
  const draft = await writeDraft(file, content, 0o600);
  try {
    // Unlike a rename, a link leaves the file of whoever was first.
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return (await readIfThere(file)) ?? '';
}

/**
 * Writes what a file of the installation's own data is to hold beside it, under a name that nobody else takes.
 * @returns the path of the draft, for a link or a rename
 */
export async function writeDraft(file: string, content: string, mode: number): Promise<string> {
  await makeDataFolder(dirname(file));
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, content, { mode, flag: 'wx' });
  return draft;
}

/** undefined: there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
