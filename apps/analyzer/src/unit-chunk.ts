import { createHash } from 'node:crypto';
import type { UnitChanges } from '#libs/evidence';

const HEADER_BYTES = 24;

/**
 * Changes of a unit memory as bytes: replaces, older, count, words of a mark (uint32), refused (float64), then the hashes, the
 * marks and the units' numbers, as they lie in the memory of a little-endian machine (x64, arm64).
 */
export function encodeUnitChunk({ replaces, units, marks, numbers, older, refused }: UnitChanges): Buffer {
  const count = units.length;
  const marksAt = HEADER_BYTES + units.byteLength;
  const numbersAt = marksAt + marks.byteLength;
  const bytes = Buffer.alloc(numbersAt + numbers.byteLength);
  bytes.writeUInt32LE(replaces ? 1 : 0, 0);
  bytes.writeUInt32LE(older, 4);
  bytes.writeUInt32LE(count, 8);
  bytes.writeUInt32LE(count === 0 ? 0 : marks.length / count, 12);
  bytes.writeDoubleLE(refused, 16);
  bytes.set(bytesOf(units), HEADER_BYTES);
  bytes.set(bytesOf(marks), marksAt);
  bytes.set(bytesOf(numbers), numbersAt);
  return bytes;
}

export function decodeUnitChunk(bytes: Buffer): UnitChanges {
  const count = bytes.readUInt32LE(8);
  const marksAt = HEADER_BYTES + 8 * count;
  const numbersAt = marksAt + 4 * count * bytes.readUInt32LE(12);
  return {
    replaces: bytes.readUInt32LE(0) === 1,
    older: bytes.readUInt32LE(4),
    refused: bytes.readDoubleLE(16),
    units: new Float64Array(copyOf(bytes, HEADER_BYTES, marksAt)),
    marks: new Uint32Array(copyOf(bytes, marksAt, numbersAt)),
    numbers: new Float64Array(copyOf(bytes, numbersAt, bytes.length)),
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array | Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** In a buffer of its own, where numbers lie at the places that typed arrays ask for. */
function copyOf(bytes: Buffer, from: number, until: number): ArrayBuffer {
  return new Uint8Array(bytes.subarray(from, until)).buffer;
}

/** The form of a chunk's bytes as one name, made of what is written: bytes of another form are not read. */
export const UNIT_CHUNK_FORM = createHash('sha256')
  .update(
    encodeUnitChunk({
      replaces: true,
      older: 1,
      refused: 2,
      units: Float64Array.of(3, 4),
      marks: Uint32Array.of(5, 6, 7, 8),
      numbers: Float64Array.of(9, 10),
    }),
  )
  .digest('hex')
  .slice(0, 16);
