import type { UnitChanges } from '#libs/evidence';

const HEADER_BYTES = 24;

/** Changes of a unit memory as bytes: replaces, older, count (uint32), refused (float64), then the hashes and the marks. */
export function encodeUnitChunk({ replaces, units, marks, older, refused }: UnitChanges): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + 12 * units.length);
  bytes.writeUInt32LE(replaces ? 1 : 0, 0);
  bytes.writeUInt32LE(older, 4);
  bytes.writeUInt32LE(units.length, 8);
  bytes.writeDoubleLE(refused, 16);
  units.forEach((unit, index) => bytes.writeDoubleLE(unit, HEADER_BYTES + 8 * index));
  const marksAt = HEADER_BYTES + 8 * units.length;
  marks.forEach((mark, index) => bytes.writeUInt32LE(mark, marksAt + 4 * index));
  return bytes;
}

export function decodeUnitChunk(bytes: Buffer): UnitChanges {
  const count = bytes.readUInt32LE(8);
  const marksAt = HEADER_BYTES + 8 * count;
  return {
    replaces: bytes.readUInt32LE(0) === 1,
    older: bytes.readUInt32LE(4),
    refused: bytes.readDoubleLE(16),
    units: Float64Array.from({ length: count }, (_, index) => bytes.readDoubleLE(HEADER_BYTES + 8 * index)),
    marks: Uint32Array.from({ length: count }, (_, index) => bytes.readUInt32LE(marksAt + 4 * index)),
  };
}
