import type { FileHandle } from 'node:fs/promises';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { readFileRange } from '../checkpoint/read-range.js';

// As far as PyTorch's archives need it: entries as they are, large files (APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3).

const END = { signature: 0x06054b50, bytes: 22, longestComment: 65_535 } as const;
const END_64_LOCATOR = { signature: 0x07064b50, bytes: 20 } as const;
const END_64 = { signature: 0x06064b50, bytes: 56 } as const;
const CENTRAL = { signature: 0x02014b50, bytes: 46 } as const;
const LOCAL = { signature: 0x04034b50, bytes: 30 } as const;
const IN_EXTRA_FIELD = 0xffffffff;
const EXTRA_64 = 1;
/** Of a checkpoint with a hundred thousand tensors. */
const LARGEST_DIRECTORY = 2 ** 25;

/** Where the content of one entry lies: bytes from the beginning of the file, the first one and the one behind the last. */
export interface ZipEntry {
  readonly from: number;
  readonly to: number;
}

export interface ZipFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly bytes: number;
}

/**
 * @returns entries by name; an archive with one that is packed is refused
 * @throws ModelDirectoryError when the file is none, or is truncated
 */
export async function zipEntries(zip: ZipFile): Promise<ReadonlyMap<string, ZipEntry>> {
  const { at, bytes } = await directoryPlace(zip);
  if (bytes > LARGEST_DIRECTORY || at + bytes > zip.bytes) throw broken(zip, 'its list of entries lies outside of it');
  const directory = bufferOf(await readFileRange(zip.handle, at, at + bytes));
  const entries = new Map<string, ZipEntry>();
  for (let from = 0; from < directory.length;) {
    if (from + CENTRAL.bytes > directory.length || directory.readUInt32LE(from) !== CENTRAL.signature) {
      throw broken(zip, 'its list of entries is cut off');
    }
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => directory.readUInt16LE(from + offset));
    const nameEnd = from + CENTRAL.bytes + nameBytes!;
    const name = directory.toString('utf8', from + CENTRAL.bytes, nameEnd);
    const head = directory.subarray(from, from + CENTRAL.bytes);
    entries.set(name, await placeOf(zip, name, head, directory.subarray(nameEnd, nameEnd + extraBytes!)));
    from = nameEnd + extraBytes! + commentBytes!;
  }
  return entries;
}

async function directoryPlace(zip: ZipFile): Promise<{ readonly at: number; readonly bytes: number }> {
  const from = Math.max(0, zip.bytes - END.bytes - END.longestComment);
  const tail = bufferOf(await readFileRange(zip.handle, from, zip.bytes));
  let end = tail.length - END.bytes;
  while (end >= 0 && tail.readUInt32LE(end) !== END.signature) end -= 1;
  if (end < 0) throw broken(zip, 'it has no end of a zip archive: it is truncated, or none of PyTorch 1.6 or newer');
  const locator = end - END_64_LOCATOR.bytes;
  if (locator >= 0 && tail.readUInt32LE(locator) === END_64_LOCATOR.signature) {
    const at = Number(tail.readBigUInt64LE(locator + 8));
    if (at + END_64.bytes > zip.bytes) throw broken(zip, 'it is truncated');
    const record = bufferOf(await readFileRange(zip.handle, at, at + END_64.bytes));
    if (record.readUInt32LE(0) !== END_64.signature) throw broken(zip, 'its end is damaged');
    return { at: Number(record.readBigUInt64LE(48)), bytes: Number(record.readBigUInt64LE(40)) };
  }
  return { at: tail.readUInt32LE(end + 16), bytes: tail.readUInt32LE(end + 12) };
}

async function placeOf(zip: ZipFile, name: string, head: Buffer, extra: Buffer): Promise<ZipEntry> {
  const [flags, method] = [head.readUInt16LE(8), head.readUInt16LE(10)];
  if (method !== 0 || (flags & 1) !== 0) throw broken(zip, `its entry ${name} is packed, as PyTorch never writes it`);
  const large = sizesIn(extra);
  const sizes = [24, 20, 42].map((offset) => head.readUInt32LE(offset));
  const [bytes, , local] = sizes.map((size) => (size === IN_EXTRA_FIELD ? (large.shift() ?? Infinity) : size));
  if (local! + LOCAL.bytes > zip.bytes) throw broken(zip, `it ends before its entry ${name}: it is truncated`);
  const header = bufferOf(await readFileRange(zip.handle, local!, local! + LOCAL.bytes));
  if (header.readUInt32LE(0) !== LOCAL.signature) throw broken(zip, `its entry ${name} is damaged`);
  const from = local! + LOCAL.bytes + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (from + bytes! > zip.bytes) throw broken(zip, `it ends inside its entry ${name}: it is truncated`);
  return { from, to: from + bytes! };
}

/** Sizes that take more than 32 bits, in their order. */
function sizesIn(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== EXTRA_64) continue;
    const count = Math.min(Math.floor(extra.readUInt16LE(at + 2) / 8), Math.floor((extra.length - at - 4) / 8));
    return Array.from({ length: count }, (_, index) => Number(extra.readBigUInt64LE(at + 4 + 8 * index)));
  }
  return [];
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function broken({ path }: ZipFile, why: string): ModelDirectoryError {
  return new ModelDirectoryError(`${path} can't be read as a checkpoint of PyTorch: ${why}`);
}
