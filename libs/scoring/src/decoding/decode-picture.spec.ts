import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { animatedAvif, cmykJpeg, pngAnnouncing, pngChunk, turnedAvif } from '#libs/testing/pictures';
import { decodePicture } from './decode-picture.js';
import { RefusedPictureError, UndecodablePictureError, UnsupportedPictureError } from './picture-errors.js';
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

  it('lays transparent pixels over white and says so, and drops an alpha that hides nothing', async () => {
    const transparent = decodePlainPng(await raw(rgba, 4).png().toBuffer())!;
    const overWhite = Array.from({ length: rgb.length }, (_, index) => {
      const [at, alpha] = [4 * Math.floor(index / 3) + (index % 3), rgba[4 * Math.floor(index / 3) + 3]!];
      return Math.round((rgba[at]! * alpha) / 255 + 255 - alpha);
    });
    expect(largestDifference(transparent.data, Buffer.from(overWhite))).toBeLessThanOrEqual(1);
    expect(transparent.notes).toEqual(['alpha-over-white']);
    const opaque = decodePlainPng(await raw(rgb, 3).ensureAlpha().png().toBuffer())!;
    expect(opaque.notes).toEqual([]);
    expect(Buffer.from(opaque.data).equals(rgb)).toBe(true);
  });

  it('leaves everything unusual to sharp', async () => {
    const palette = await raw(rgb, 3).png({ palette: true }).toBuffer();
    const grey = await raw(rgb, 3).toColourspace('b-w').png().toBuffer();
    const interlaced = await raw(rgb, 3).png({ progressive: true }).toBuffer();
    const plain = await raw(rgb, 3).png().toBuffer();
    const withKey = withChunk(plain, 'tRNS', Buffer.from([0, rgb[0]!, 0, rgb[1]!, 0, rgb[2]!]));
    const broken = Buffer.from(plain);
    broken[60] = broken[60]! ^ 1;
    const samples = [palette, grey, interlaced, withKey, broken, plain.subarray(0, 80), plain.subarray(0, 20)];
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

  it('makes of four inks the colours that Pillow makes of them, byte for byte', async () => {
    const { width: columns, height: rows, data, notes } = await decodePicture(cmykJpeg.file);
    expect([columns, rows, notes]).toEqual([12, 8, []]);
    expect(Buffer.from(data).equals(cmykJpeg.rgb)).toBe(true);
  });

  it.each([
    ['turned', turnedAvif],
    ['animated', animatedAvif],
  ])('reads an AVIF that is %s as it was encoded, to within the level that it says', async (_what, sample) => {
    const { width: columns, height: rows, data, notes } = await decodePicture(sample.file);
    expect([columns, rows, notes]).toEqual([12, 8, ['avif-by-libheif']]);
    expect(largestDifference(data, sample.rgb)).toBeLessThanOrEqual(1);
  });

  it('gives one picture of what looks the same, whatever transparent pixels hide, by either way through', async () => {
    const pictures = [0, 255].flatMap((hidden) => {
      const pixels = Buffer.from(rgba.map((value, index) => (index % 4 === 3 ? (index % 16 > 8 ? 0 : 255) : value)));
      for (let at = 0; at < pixels.length; at += 4) if (pixels[at + 3] === 0) pixels.fill(hidden, at, at + 3);
      return [raw(pixels, 4).png(), raw(pixels, 4).webp({ lossless: true, exact: true })];
    });
    const decoded = await Promise.all(pictures.map(async (picture) => decodePicture(await picture.toBuffer())));
    for (const { data, notes } of decoded) {
      expect(notes).toEqual(['alpha-over-white']);
      expect(Buffer.from(data).equals(Buffer.from(decoded[0]!.data))).toBe(true);
    }
  });

  it('makes the colours of a transparent palette white', async () => {
    const palette = await raw(rgb, 3).png({ palette: true, colours: 4, dither: 0 }).toBuffer();
    const [shown] = (await decodePicture(palette)).data;
    const { data, notes } = await decodePicture(withChunk(palette, 'tRNS', Buffer.from([0, 0, 0, 0])));
    expect([shown === 255, data.every((value) => value === 255), notes]).toEqual([false, true, ['alpha-over-white']]);
  });

  it('says that it keeps the upper bits of grey in 16', async () => {
    const grey = await raw(rgb, 3).toColourspace('grey16').png().toBuffer();
    expect((await decodePicture(grey)).notes).toEqual(['grey-16-high-byte']);
  });

  it.each(['png', 'jpeg'] as const)('halves a large %s while reading it, and says so', async (format) => {
    const large = sharp({ create: { width: 420, height: 401, channels: 3, background: 'teal' } });
    const limits = { maxBytes: 1e6, maxPixels: 1e6, halvedAbovePixels: 400 * 400 };
    const picture = await decodePicture(await large.toFormat(format).toBuffer(), limits);
    expect([picture.width, picture.height, picture.notes]).toEqual([210, 201, ['halved-while-read']]);
    expect(largestDifference(picture.data.subarray(0, 3), Buffer.from([0, 128, 128]))).toBeLessThanOrEqual(2);
  });

  it('never gives texts and profiles to the decoder, so that what they unpack to costs nothing', async () => {
    const png = await raw(rgb, 3).png({ palette: true }).toBuffer();
    const text = Buffer.concat([Buffer.from('prompt\0\0'), deflateSync(Buffer.alloc(8 * 1024 * 1024))]);
    const bomb = Array.from({ length: 10 }).reduce((file: Buffer) => withChunk(file, 'zTXt', text), png);
    await decodePicture(png);
    const peak = await peakBytes(() => decodePicture(bomb));
    expect(Buffer.from((await decodePicture(bomb)).data).equals(Buffer.from((await decodePicture(png)).data))).toBe(
      true,
    );
    expect(peak).toBeLessThan(24 * 1024 * 1024);
  });

  it.each(['png', 'jpeg'] as const)(
    'takes no more memory for a %s than four times its pixels in RGBA',
    async (format) => {
      const [columns, rows] = [1000, 800];
      const pixels = Buffer.from(new Uint8Array(columns * rows * 3).map((_, index) => (index >> 4) ^ index));
      const file = sharp(pixels, { raw: { width: columns, height: rows, channels: 3 } });
      const bytes = await file
        .toFormat(format, format === 'jpeg' ? { progressive: true } : { compressionLevel: 1 })
        .toBuffer();
      expect(await peakBytes(() => decodePicture(bytes))).toBeLessThan(4 * columns * rows * 4);
    },
  );

  it('calls broken, cut-off and unknown bytes undecodable, with the part of a PNG that is broken', async () => {
    const png = await raw(rgb, 3).png().toBuffer();
    const jpeg = await raw(rgb, 3).jpeg().toBuffer();
    const changed = (at: number) => Buffer.from(png.map((byte, index) => (index === at ? byte ^ 1 : byte)));
    for (const [bytes, reason] of [
      [Buffer.alloc(0), 'the file is empty'],
      [Buffer.from('<html>502 Bad Gateway</html>'), 'none of PNG, JPEG, WebP, AVIF'],
      [png.subarray(0, png.length / 2), 'it ends inside of its chunk IDAT'],
      [png.subarray(0, 33), 'it ends before its pixels'],
      [changed(18), 'the checksum of its header (IHDR) is wrong'],
      [changed(200), 'the checksum of its chunk IDAT is wrong'],
      [jpeg.subarray(0, jpeg.length / 2), "can't be decoded"],
    ] as const) {
      const decoded = decodePicture(bytes);
      await expect(decoded).rejects.toThrow(UndecodablePictureError);
      await expect(decoded).rejects.toThrow(reason);
    }
  });

  it('reads a PNG whose last chunk is missing, as Pillow does', async () => {
    const png = await raw(rgb, 3).png({ palette: true }).toBuffer();
    expect((await decodePicture(png.subarray(0, -12))).width).toBe(width);
  });

  it.each([
    ['GIF', 'GIF89a'],
    ['TIFF', 'II*\0'],
    ['BMP', 'BM6w'],
    ['HEIC', '\0\0\0\x18ftypheic\0\0\0\0mif1heic'],
    ['JPEG XL', '\0\0\0\x0cJXL \r\n\x87\n'],
    ['JPEG XL', '\xff\x0a'],
  ])('calls %s unsupported', async (format, begins) => {
    const bytes = Buffer.concat([Buffer.from(begins, 'latin1'), Buffer.alloc(40)]);
    const decoded = decodePicture(bytes);
    await expect(decoded).rejects.toThrow(UnsupportedPictureError);
    await expect(decoded).rejects.toThrow(`the file is ${format}`);
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

function largestDifference(pixels: Uint8Array, expected: Buffer): number {
  return pixels.reduce((largest, value, index) => Math.max(largest, Math.abs(value - expected[index]!)), 0);
}

/** Behind the header: before the palette and the pixels, unless it is about a palette. */
function withChunk(png: Buffer, type: string, data: Buffer): Buffer {
  const at = type === 'tRNS' && png.includes('PLTE') ? png.indexOf('IDAT') - 4 : 33;
  return Buffer.concat([png.subarray(0, at), pngChunk(type, data), png.subarray(at)]);
}

/** How far the resident memory of this process rises above what it was; 0 where the system doesn't say. */
async function peakBytes(work: () => Promise<unknown>): Promise<number> {
  if (!existsSync('/proc/self/clear_refs')) return 0;
  // Forgets the peak so far (proc(5)).
  writeFileSync('/proc/self/clear_refs', '5');
  const before = statusBytes('VmRSS');
  await work();
  return statusBytes('VmHWM') - before;
}

function statusBytes(name: string): number {
  return 1024 * Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

function handmadePng(filter: number): Buffer {
  const rows = Buffer.alloc(height * (width * 3 + 1));
  for (let row = 0; row < height; row += 1) {
    rows[row * (width * 3 + 1)] = filter;
    rgb.copy(rows, row * (width * 3 + 1) + 1, row * width * 3, (row + 1) * width * 3);
  }
  return pngAnnouncing(width, height, deflateSync(rows));
}

/** A few bytes that announce 3.6 billion pixels. */
function hugePng(): Buffer {
  return pngAnnouncing(60_000, 60_000, deflateSync(Buffer.alloc(1000)));
}
