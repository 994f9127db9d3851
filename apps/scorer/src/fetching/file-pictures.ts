import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { refused, unavailable, type FetchedPicture } from './fetched-picture.js';

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
      const real = await realpath(path);
      if (!(await this.isAllowed(real))) return this.outside(path);
      return await this.read(real);
    } catch (error) {
      // What lies outside is not even told to be missing.
      if (!isUnder(path, this.roots) && !(await this.isAllowed(path))) return this.outside(path);
      return unavailable(`${path} can't be read: ${(error as Error).message}`);
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

  private async read(real: string): Promise<FetchedPicture> {
    // The last component was no link a moment ago; if it has become one, opening fails.
    const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const status = await file.stat();
      if (!status.isFile()) return refused(`${real} is no regular file`);
      if (status.size > this.maxBytes) {
        return refused(`${real} has ${status.size} bytes, at most ${this.maxBytes} are accepted`);
      }
      return { outcome: 'fetched', bytes: await readUpTo(file, status.size) };
    } finally {
      await file.close();
    }
  }
}

/** No more than the size that was checked, even if the file grows meanwhile. */
async function readUpTo(file: FileHandle, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await file.read(bytes, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

function isUnder(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => path.startsWith(root.endsWith(sep) ? root : root + sep));
}
