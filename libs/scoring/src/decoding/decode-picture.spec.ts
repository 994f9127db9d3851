import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture } from './decode-picture.js';
import { RefusedPictureError, UndecodablePictureError } from './picture-errors.js';
import { decodePlainPng } from './plain-png.js';

const width = 40;
const height = 31;
const rgb = Buffer.from(
  Uint8Array.from({ length: width * height * 3 }, (_, index) => (index * index * 31 + index * 7) % 256),
);
const rgba = Buffer.from(Uint8Array.from({ length: width * height * 4 }, (_, index) => (index * 13) % 256));
const raw = (data: Buffer, channels: 3 | 4) => sharp(data, { raw: { width, height, channels } });

describe('decodePlainPng', () => {
  it('gives the bytes that sharp gives, whatever filter the rows use', async () => {
    const smooth = Buffer.from(Uint8Array.from(rgb, (_, index) => Math.floor(index / 37)));
    for (const data of [rgb, smooth]) {
      for (const adaptiveFiltering of [true, false]) {
        const png = await raw(data, 3).png({ adaptiveFiltering }).toBuffer();
        expect(Buffer.from(decodePlainPng(png)!.data).equals(data)).toBe(true);
      }
    }
  });

  it.each([0, 1, 2, 3, 4])('undoes filter %i on every row, the first one too', async (filter) => {
    const png = handmadePng(filter);
    const bySharp = await sharp(png).raw().toBuffer();
    expect(Buffer.from(decodePlainPng(png)!.data).equals(bySharp)).toBe(true);
  });

  it('drops alpha without blending', async () => {
    const png = await raw(rgba, 4).png().toBuffer();
    const bySharp = await sharp(png).removeAlpha().raw().toBuffer();
    expect(Buffer.from(decodePlainPng(png)!.data).equals(bySharp)).toBe(true);
  });

  it('leaves everything unusual to sharp', async () => {
    const palette = await raw(rgb, 3).png({ palette: true }).toBuffer();
    const grey = await raw(rgb, 3).toColourspace('b-w').png().toBuffer();
    const interlaced = await raw(rgb, 3).png({ progressive: true }).toBuffer();
    const plain = await raw(rgb, 3).png().toBuffer();
    const broken = Buffer.from(plain);
    broken[60] = broken[60]! ^ 1;
    const samples = [palette, grey, interlaced, broken, plain.subarray(0, 80), plain.subarray(0, 20)];
    expect(samples.map((sample) => decodePlainPng(sample))).toEqual(samples.map(() => undefined));
  });
});

describe('decodePicture', () => {
  it.each(['png', 'jpeg', 'webp', 'avif'] as const)('reads %s', async (format) => {
    const picture = await decodePicture(await raw(rgb, 3).toFormat(format).toBuffer());
    expect([picture.width, picture.height, picture.data.length]).toEqual([width, height, rgb.length]);
  });

  it('reads greyscale, palette and 16-bit pictures as 8-bit RGB', async () => {
    const grey = await raw(rgb, 3).toColourspace('b-w').png().toBuffer();
    const palette = await raw(rgb, 3).png({ palette: true, colours: 16 }).toBuffer();
    const deep = await raw(rgb, 3).toColourspace('rgb16').png().toBuffer();
    for (const bytes of [grey, palette, deep]) expect((await decodePicture(bytes)).data.length).toBe(rgb.length);
    expect(Buffer.from((await decodePicture(deep)).data).equals(rgb)).toBe(true);
  });

  it('does not turn a picture by its EXIF orientation', async () => {
    const bytes = await raw(rgb, 3).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect((await decodePicture(bytes)).width).toBe(width);
  });

  it('calls broken, cut-off and foreign bytes undecodable', async () => {
    const png = await raw(rgb, 3).png().toBuffer();
    const jpeg = await raw(rgb, 3).jpeg().toBuffer();
    const broken = Buffer.from(png);
    broken.fill(0x55, 200, 400);
    const gif = await raw(rgb, 3).gif().toBuffer();
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('<html>502 Bad Gateway</html>'),
      png.subarray(0, png.length / 2),
      jpeg.subarray(0, jpeg.length / 2),
      broken,
      gif,
    ]) {
      await expect(decodePicture(bytes)).rejects.toThrow(UndecodablePictureError);
    }
  });

  it('refuses files and pictures over the limits before decoding them', async () => {
    const png = await raw(rgb, 3).png().toBuffer();
    const jpeg = await raw(rgb, 3).jpeg().toBuffer();
    const maxPixels = width * height - 1;
    await expect(decodePicture(png, { maxBytes: 100, maxPixels: 1e6 })).rejects.toThrow(/at most 100 are accepted/);
    for (const bytes of [png, jpeg]) {
      await expect(decodePicture(bytes, { maxBytes: 1e6, maxPixels })).rejects.toThrow(RefusedPictureError);
    }
    await expect(decodePicture(hugePng())).rejects.toThrow('the picture has 60000 × 60000 pixels');
  });
});

function handmadePng(filter: number): Buffer {
  const rows = Buffer.alloc(height * (width * 3 + 1));
  for (let row = 0; row < height; row += 1) {
    rows[row * (width * 3 + 1)] = filter;
    rgb.copy(rows, row * (width * 3 + 1) + 1, row * width * 3, (row + 1) * width * 3);
  }
  return assemblePng(width, height, deflateSync(rows));
}

/** A few bytes that announce 3.6 billion pixels. */
function hugePng(): Buffer {
  return assemblePng(60_000, 60_000, deflateSync(Buffer.alloc(1000)));
}

function assemblePng(columns: number, rows: number, data: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(columns, 0);
  header.writeUInt32BE(rows, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(data.length + 12);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, data.length + 8)), data.length + 8);
  return bytes;
}
