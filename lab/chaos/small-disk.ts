import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** It takes memory only for what is on it. */
const ROOMY = '16g';
/** What is left on a disk that is full: less than anybody writes. */
const LEFT_BYTES = 32 * 1024;

/** A file system of its own that is full whenever that is wanted, and then has room again. */
export class SmallDisk {
  private constructor(readonly folder: string) {}

  /** Undefined where this program may not mount anything: that takes Linux, and root. */
  static async mountAt(folder: string): Promise<SmallDisk | undefined> {
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${ROOMY},mode=755`, 'teststrip-chaos', folder]);
      return new SmallDisk(folder);
    } catch {
      return undefined;
    }
  }

  /** No room is left for what is written from now on (ENOSPC). */
  async fill(): Promise<void> {
    for (;;) {
      const { blocks, bfree, bsize } = await statfs(this.folder);
      const isFull = await this.resize(String((blocks - bfree) * bsize + LEFT_BYTES)).then(
        () => true,
        // Somebody has written more meanwhile.
        () => false,
      );
      if (isFull) return;
    }
  }

  async free(): Promise<void> {
    await this.resize(ROOMY);
  }

  async unmount(): Promise<void> {
    await run('umount', ['--lazy', this.folder]);
  }

  private async resize(size: string): Promise<void> {
    await run('mount', ['-o', `remount,size=${size}`, this.folder]);
  }
}
