import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** No work under the lock takes this long; after a restart of the machine the holder's id may belong to another process. */
const OUTDATED_AFTER_MS = 60_000;

/**
 * Runs `work` while no other process of this machine does so under the same file.
 * A lock whose holder is dead, or that is older than a minute, is broken.
 */
export async function withFileLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  while (!(await tryLock(file))) {
    const lock = await readLock(file);
    if (lock && (lock.ageMs > OUTDATED_AFTER_MS || (lock.holder > 0 && !isAlive(lock.holder)))) {
      await breakLock(file, lock.holder);
    } else {
      await pause(20);
    }
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function tryLock(file: string): Promise<boolean> {
  try {
    await writeFile(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

interface Lock {
  /** Process id; 0 while it is being written. */
  readonly holder: number;
  readonly ageMs: number;
}

async function readLock(file: string): Promise<Lock | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
    return { holder: Number(text) || 0, ageMs: Date.now() - mtimeMs };
  } catch {
    return undefined;
  }
}

/** Moves the old holder's file away; if another process was quicker and the file is its new lock, puts it back. */
async function breakLock(file: string, oldHolder: number): Promise<void> {
  const aside = `${file}.${process.pid}`;
  try {
    await rename(file, aside);
  } catch {
    return;
  }
  if ((await readLock(aside))?.holder === oldHolder) await rm(aside, { force: true });
  else await rename(aside, file);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
