import { createHash } from 'node:crypto';
import type { UnitChanges } from '#libs/evidence';

const HEADER_BYTES = 24;

/**
 * Changes of a unit memory as bytes: replaces, older, count, words of a mark (uint32), refused (float64), then the hashes, the
 * marks and the units' numbers.
 */
export function encodeUnitChunk({ replaces, units, marks, numbers, older, refused }: UnitChanges): Buffer {
  const count = units.length;
  const bytes = Buffer.alloc(HEADER_BYTES + 8 * count + 4 * marks.length + 8 * numbers.length);
  bytes.writeUInt32LE(replaces ? 1 : 0, 0);
  bytes.writeUInt32LE(older, 4);
  bytes.writeUInt32LE(count, 8);
  bytes.writeUInt32LE(count === 0 ? 0 : marks.length / count, 12);
  bytes.writeDoubleLE(refused, 16);
  units.forEach((unit, index) => bytes.writeDoubleLE(unit, HEADER_BYTES + 8 * index));
  const marksAt = HEADER_BYTES + 8 * count;
  marks.forEach((mark, index) => bytes.writeUInt32LE(mark, marksAt + 4 * index));
  const numbersAt = marksAt + 4 * marks.length;
  numbers.forEach((number, index) => bytes.writeDoubleLE(number, numbersAt + 8 * index));
  return bytes;
}

export function decodeUnitChunk(bytes: Buffer): UnitChanges {
  const count = bytes.readUInt32LE(8);
  const words = count * bytes.readUInt32LE(12);
  const marksAt = HEADER_BYTES + 8 * count;
  const numbersAt = marksAt + 4 * words;
  const numbers = (bytes.length - numbersAt) / 8;
  return {
    replaces: bytes.readUInt32LE(0) === 1,
    older: bytes.readUInt32LE(4),
    refused: bytes.readDoubleLE(16),
    units: Float64Array.from({ length: count }, (_, index) => bytes.readDoubleLE(HEADER_BYTES + 8 * index)),
    marks: Uint32Array.from({ length: words }, (_, index) => bytes.readUInt32LE(marksAt + 4 * index)),
    numbers: Float64Array.from({ length: numbers }, (_, index) => bytes.readDoubleLE(numbersAt + 8 * index)),
  };
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
