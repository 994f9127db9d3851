import { closeSync, constants, existsSync, fstatSync, open, read, readlinkSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { refused, unavailable, type FetchedPicture } from './fetched-picture.js';

const openFile = promisify(open);
const readFile = promisify(read);

/** Names the files behind the handles of this process, on Linux. */
const HANDLES = '/proc/self/fd';
const namesHandles = process.platform === 'linux' && existsSync(HANDLES);
/** Linux: the handle says where its file is and opens nothing (open(2), `O_PATH`). Node.js has no name for it. */
const O_PATH = 0o10_000_000;

/**
 * Reads `file:` pictures that lie under one of the configured folders, symbolic links resolved on both sides.
 * Anything but a regular file is refused: a pipe would never end.
 */
export class FilePictures {
  private readonly roots: readonly string[];

  constructor(
    roots: readonly string[],
    private readonly maxBytes: number,
  ) {
    this.roots = roots.map((root) => resolve(root));
  }

  async fetch(url: URL): Promise<FetchedPicture> {
    let path: string;
    try {
      path = fileURLToPath(url);
    } catch (error) {
      return refused(`"${url.href}" names no local file: ${(error as Error).message}`);
    }
    try {
      return await this.fetchFound(path, await find(path));
    } catch (error) {
      // What lies outside is not even told to be missing.
      if (!isUnder(path, this.roots) && !(await this.isAllowed(path))) return this.outside(path);
      return unavailable(`${path} can't be read: ${(error as Error).message}`);
    }
  }

  private async fetchFound(path: string, found: FoundFile): Promise<FetchedPicture> {
    try {
      return (await this.isAllowed(found.real)) ? await this.read(found) : this.outside(path);
    } finally {
      found.release();
    }
  }

  private outside(path: string): FetchedPicture {
    return refused(
      `${path} lies outside the folders that may be read: ${this.roots.join(', ') || 'none is configured'}`,
    );
  }

  /** Roots are resolved each time: a folder may be created, or its link changed, after the start. */
  private async isAllowed(real: string): Promise<boolean> {
    if (isUnder(real, this.resolvedRoots)) return true;
    this.resolvedRoots = await Promise.all(this.roots.map((root) => realpath(root).catch(() => root)));
    return isUnder(real, this.resolvedRoots);
  }

  private resolvedRoots: readonly string[] = [];

  private async read({ real, opensAs, flags }: FoundFile): Promise<FetchedPicture> {
    const file = await openFile(opensAs, flags | constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      // Of a file that is open this asks no disk.
      const status = fstatSync(file);
      if (!status.isFile()) return refused(`${real} is no regular file`);
      if (status.size > this.maxBytes) {
        return refused(`${real} has ${status.size} bytes, at most ${this.maxBytes} are accepted`);
      }
      return { outcome: 'fetched', bytes: await readUpTo(file, status.size) };
    } finally {
      closeSync(file);
    }
  }
}

/** A file of which it is known where it really lies. */
interface FoundFile {
  readonly real: string;
  /** What opens this file, and with which flags: no other one that has taken its place meanwhile. */
  readonly opensAs: string;
  readonly flags: number;
  release(): void;
}

/** On Linux one question to the file system, instead of one for each folder on the way and another one for the file. */
async function find(path: string): Promise<FoundFile> {
  if (!namesHandles) {
    // The last component was no link a moment ago; if it has become one, opening fails.
    const real = await realpath(path);
    return { real, opensAs: real, flags: constants.O_NOFOLLOW, release: () => undefined };
  }
  const handle = await openFile(path, O_PATH);
  const opensAs = `${HANDLES}/${handle}`;
  const release = (): void => closeSync(handle);
  try {
    return { real: readlinkSync(opensAs), opensAs, flags: 0, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** No more than the size that was checked, even if the file grows meanwhile. */
async function readUpTo(file: number, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await readFile(file, bytes, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

function isUnder(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => path.startsWith(root.endsWith(sep) ? root : root + sep));
}
