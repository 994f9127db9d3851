import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const FILTER_SUB = 1;
const CHANNELS = 3;

/**
 * Encodes 8-bit RGB as PNG (PNG specification, third edition): one IDAT, Sub filter on every row, zlib level 1.
 * An own 40 lines because a general encoder's thread-pool round trip costs more than the picture: the bytes are deterministic,
 * and the simulated service writes hundreds a second.
 * @param pixels `width * height * 3` bytes, rows from the top
 */
export function encodePng(pixels: Uint8Array, width: number, height: number): Buffer {
  const stride = width * CHANNELS;
  const raw = Buffer.allocUnsafe((stride + 1) * height);
  for (let y = 0; y < height; y += 1) {
    const from = y * stride;
    const to = y * (stride + 1);
    raw[to] = FILTER_SUB;
    for (let x = 0; x < stride; x += 1) {
      const left = x < CHANNELS ? 0 : (pixels[from + x - CHANNELS] as number);
      raw[to + 1 + x] = (pixels[from + x] as number) - left;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(raw, { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const out = Buffer.allocUnsafe(data.length + 12);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}
