import { crc32 } from 'node:zlib';
import { UndecodablePictureError } from './picture-errors.js';

/** At the beginning of every PNG. */
export const SIGNATURE_BYTES = 8;
/** Length and type before the data of a chunk, checksum behind it. */
const AROUND_BYTES = 12;
const TRANSPARENCY = 'tRNS';
const END_CHUNK = Buffer.from([0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82]);

/**
 * The PNG with the chunks that make its pixels alone: texts, profiles and frames of animations never reach the decoder, which would inflate
 * them (a few hundred kilobytes of packed text become gigabytes). A file that ends behind its pixels without saying so is ended.
 *
 * @throws UndecodablePictureError when a chunk that is needed has another checksum than it says, or the file ends inside of one
 */
export function pixelChunksOf(png: Buffer): Buffer {
  const kept: Buffer[] = [png.subarray(0, SIGNATURE_BYTES)];
  let hasPixels = false;
  for (let at = SIGNATURE_BYTES; at < png.length;) {
    const chunk = chunkAt(png, at);
    at += chunk.bytes.length;
    if (!isNeeded(chunk.type)) continue;
    kept.push(chunk.bytes);
    if (chunk.type === 'IEND') return joined(kept, png);
    hasPixels ||= chunk.type === 'IDAT';
  }
  if (!hasPixels) throw new UndecodablePictureError("the file can't be decoded: it ends before its pixels (no IDAT)");
  return Buffer.concat([...kept, END_CHUNK]);
}

function chunkAt(png: Buffer, at: number): { readonly type: string; readonly bytes: Buffer } {
  const type = png.toString('latin1', at + 4, at + 8);
  const end = at + AROUND_BYTES <= png.length ? at + AROUND_BYTES + png.readUInt32BE(at) : Infinity;
  if (end > png.length) {
    throw new UndecodablePictureError(`the file can't be decoded: it ends inside of its chunk ${printable(type)}`);
  }
  const bytes = png.subarray(at, end);
  if (isNeeded(type) && crc32(bytes.subarray(4, -4)) !== bytes.readUInt32BE(bytes.length - 4)) {
    const what = type === 'IHDR' ? 'its header (IHDR)' : `its chunk ${printable(type)}`;
    throw new UndecodablePictureError(`the file can't be decoded: the checksum of ${what} is wrong`);
  }
  return { type, bytes };
}

/** Whether pixels depend on it. Upper-case first letter: a chunk that must be understood (PNG specification, 5.4). */
export function isNeeded(type: string): boolean {
  return (type.charCodeAt(0) & 0x20) === 0 || type === TRANSPARENCY;
}

function printable(type: string): string {
  return /^[A-Za-z]{4}$/.test(type) ? type : Buffer.from(type, 'latin1').toString('hex');
}

/** Without a copy where nothing was left out. */
function joined(kept: readonly Buffer[], png: Buffer): Buffer {
  const length = kept.reduce((sum, { length: bytes }) => sum + bytes, 0);
  return length === png.length ? png : Buffer.concat(kept, length);
}
