import { crc32, inflateSync } from 'node:zlib';
import type { DecodedPicture } from './decoded-picture.js';
import { overWhite } from './over-white.js';
import { isNeeded, SIGNATURE_BYTES } from './png-chunks.js';

const COLOUR_TYPE_RGB = 2;
const COLOUR_TYPE_RGBA = 6;
/** Beyond this the work belongs to sharp's threads, not to this one. */
const LARGEST_PIXELS = 256 * 256;

/**
 * Decodes the PNG that generation services write for small pictures: 8-bit RGB or RGBA, not interlaced, at most 256 × 256.
 * On such a picture it is several times faster than a trip through sharp's thread pool. Transparent pixels lie over white, colour chunks are ignored.
 *
 * @returns undefined for everything else, broken files included: then sharp has the last word
 */
export function decodePlainPng(bytes: Buffer): DecodedPicture | undefined {
  const chunks = readChunks(bytes);
  if (chunks === undefined) return undefined;
  const { width, height, channels, data } = chunks;
  const stride = width * channels;
  const filtered = inflate(data, height * (stride + 1));
  if (filtered === undefined || !unfilter(filtered, stride, height, channels)) return undefined;
  const pixels = withoutFilterBytes(filtered, stride, height);
  if (channels === 3) return { width, height, data: pixels, notes: [] };
  const { data: rgb, isTransparent } = overWhite(pixels);
  return { width, height, data: rgb, notes: isTransparent ? ['alpha-over-white'] : [] };
}

/** Pixels of a PNG that {@link decodePlainPng} decodes unless it is broken; Infinity for every other file. */
export function plainPngPixels(bytes: Buffer): number {
  const header = readHeader(bytes);
  return header === undefined ? Infinity : header.width * header.height;
}

interface PlainPng {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly data: Buffer;
}

interface PlainHeader {
  readonly width: number;
  readonly height: number;
  readonly colourType: number;
}

/** Of a file that begins as a PNG does; undefined for what this module leaves to sharp. */
function readHeader(bytes: Buffer): PlainHeader | undefined {
  if (bytes.length < SIGNATURE_BYTES + 25 || bytes.toString('latin1', 12, 16) !== 'IHDR') return undefined;
  const width = bytes.readUInt32BE(16);
  const height = bytes.readUInt32BE(20);
  const [depth, colourType, compression, filter, interlace] = bytes.subarray(24, 29);
  if (width === 0 || height === 0 || width * height > LARGEST_PIXELS) return undefined;
  if (depth !== 8 || compression !== 0 || filter !== 0 || interlace !== 0) return undefined;
  if (colourType !== COLOUR_TYPE_RGB && colourType !== COLOUR_TYPE_RGBA) return undefined;
  return { width, height, colourType };
}

function readChunks(bytes: Buffer): PlainPng | undefined {
  const header = readHeader(bytes);
  if (header === undefined) return undefined;
  const { width, height, colourType } = header;
  const parts: Buffer[] = [];
  for (let at = SIGNATURE_BYTES; at + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const end = at + 8 + length;
    if (end + 4 > bytes.length) return undefined;
    const critical = type === 'IHDR' || type === 'IDAT' || type === 'IEND';
    if (critical && crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(end)) return undefined;
    if (type === 'IDAT') parts.push(bytes.subarray(at + 8, end));
    if (type === 'IEND') {
      const data = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      return { width, height, channels: colourType === COLOUR_TYPE_RGB ? 3 : 4, data };
    }
    if (!critical && isNeeded(type)) return undefined;
    at = end + 4;
  }
  return undefined;
}

function inflate(data: Buffer, expectedBytes: number): Buffer | undefined {
  try {
    const inflated = inflateSync(data, { maxOutputLength: expectedBytes + 1 });
    return inflated.length === expectedBytes ? inflated : undefined;
  } catch {
    return undefined;
  }
}

/** Undoes the row filters in place (PNG specification, 9.2). False when a row names an unknown filter. */
function unfilter(bytes: Buffer, stride: number, height: number, channels: number): boolean {
  for (let row = 0; row < height; row += 1) {
    const filter = bytes[row * (stride + 1)]!;
    const start = row * (stride + 1) + 1;
    const end = start + stride;
    // The row above the first one counts as zero: filters that look up have shorter forms there.
    const above = row === 0 ? undefined : stride + 1;
    switch (filter) {
      case 0:
        break;
      case 1:
        addLeft(bytes, start, end, channels);
        break;
      case 2:
        if (above !== undefined) addAbove(bytes, start, end, above);
        break;
      case 3:
        addAverage(bytes, start, end, channels, above);
        break;
      case 4:
        // Without a row above, Paeth predicts from the left.
        if (above === undefined) addLeft(bytes, start, end, channels);
        else addPaeth(bytes, start, end, channels, above);
        break;
      default:
        return false;
    }
  }
  return true;
}

function addLeft(bytes: Buffer, start: number, end: number, channels: number): void {
  for (let at = start + channels; at < end; at += 1) bytes[at] = bytes[at]! + bytes[at - channels]!;
}

function addAbove(bytes: Buffer, start: number, end: number, above: number): void {
  for (let at = start; at < end; at += 1) bytes[at] = bytes[at]! + bytes[at - above]!;
}

/** As all filters here: many parameters because it runs once per row, on the bytes themselves. */
function addAverage(bytes: Buffer, start: number, end: number, channels: number, above: number | undefined): void {
  for (let at = start; at < end; at += 1) {
    const left = at < start + channels ? 0 : bytes[at - channels]!;
    const up = above === undefined ? 0 : bytes[at - above]!;
    bytes[at] = bytes[at]! + ((left + up) >> 1);
  }
}

/** Many parameters because it runs once per row, on the bytes themselves. */
function addPaeth(bytes: Buffer, start: number, end: number, channels: number, above: number): void {
  for (let at = start; at < start + channels; at += 1) bytes[at] = bytes[at]! + bytes[at - above]!;
  for (let at = start + channels; at < end; at += 1) {
    const left = bytes[at - channels]!;
    const up = bytes[at - above]!;
    const corner = bytes[at - above - channels]!;
    const leftDistance = Math.abs(up - corner);
    const upDistance = Math.abs(left - corner);
    const cornerDistance = Math.abs(left + up - 2 * corner);
    const predicted =
      leftDistance <= upDistance && leftDistance <= cornerDistance ? left : upDistance <= cornerDistance ? up : corner;
    bytes[at] = bytes[at]! + predicted;
  }
}

function withoutFilterBytes(filtered: Buffer, stride: number, height: number): Uint8Array {
  const pixels = new Uint8Array(stride * height);
  for (let row = 0; row < height; row += 1) {
    const start = row * (stride + 1) + 1;
    pixels.set(filtered.subarray(start, start + stride), row * stride);
  }
  return pixels;
}
