import type { FileHandle } from 'node:fs/promises';
import { ModelDirectoryError } from './errors.js';

/** One read: below the 2 GiB that the system takes at once. */
const LARGEST_READ = 2 ** 30;

/**
 * Bytes `from` to before `to` of a file.
 * @throws ModelDirectoryError when it ends before
 */
export async function readFileRange(handle: FileHandle, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(to - from);
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(LARGEST_READ, bytes.length - done);
    const { bytesRead } = await handle.read(bytes, done, length, from + done);
    if (bytesRead === 0) throw new ModelDirectoryError('a file of weights became shorter while it was read');
    done += bytesRead;
  }
  return bytes;
}
