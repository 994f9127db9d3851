import sharp, { type Metadata, type Sharp } from 'sharp';
import { avifAsEncoded } from './avif-as-encoded.js';
import { rgbOfCmyk } from './cmyk.js';
import type { DecodedPicture, DecodingNote } from './decoded-picture.js';
import { overWhite } from './over-white.js';
import { RefusedPictureError, UndecodablePictureError, UnsupportedPictureError } from './picture-errors.js';
import { announcedFormat, type PictureFormat } from './picture-format.js';
import { decodePlainPng } from './plain-png.js';
import { pixelChunksOf } from './png-chunks.js';

/** What a picture may be at most: the bytes come from outside. */
export interface PictureLimits {
  readonly maxBytes: number;
  readonly maxPixels: number;
  /** Pictures with more are halved while they are read: no model sees more of them, and to resize them takes seconds. Default 4096 × 4096. */
  readonly halvedAbovePixels?: number;
}

/** 64 MiB of file, 8192 × 8192 pixels. */
export const defaultPictureLimits: PictureLimits = { maxBytes: 64 * 1024 * 1024, maxPixels: 8192 * 8192 };

const HALVED_ABOVE_PIXELS = 4096 * 4096;

/**
 * Decodes PNG, JPEG, WebP or AVIF to 8-bit RGB as Pillow's `convert('RGB')` does for CLIP, or says in what it differs: orientation (EXIF,
 * AVIF's own) not applied, embedded colour profiles ignored, first page only. Of a PNG only the chunks of its pixels are read.
 *
 * @throws RefusedPictureError when a limit is broken
 * @throws UnsupportedPictureError when the picture is of another known format
 * @throws UndecodablePictureError when the bytes are broken, cut short, or no picture
 */
export async function decodePicture(
  bytes: Buffer,
  limits: PictureLimits = defaultPictureLimits,
): Promise<DecodedPicture> {
  const format = acceptedFormat(bytes, limits);
  const picture = format === 'png' ? decodePlainPng(bytes) : undefined;
  if (picture === undefined) return decodeBySharp(pixelsOnly(bytes, format), format, limits);
  // This part needs no thread.
  refuseLarge(picture.width, picture.height, limits);
  return picture;
}

function acceptedFormat(bytes: Buffer, limits: PictureLimits): PictureFormat {
  if (bytes.length === 0) throw new UndecodablePictureError('the file is empty, expected a picture');
  if (bytes.length > limits.maxBytes) {
    throw new RefusedPictureError(`the file has ${bytes.length} bytes, at most ${limits.maxBytes} are accepted`);
  }
  const announced = announcedFormat(bytes);
  switch (announced.kind) {
    case 'decoded':
      return announced.format;
    case 'unsupported':
      throw new UnsupportedPictureError(
        `the file is ${announced.format}; PNG, JPEG, WebP and AVIF are read, so it has no score`,
      );
    case 'unknown':
      throw new UndecodablePictureError(
        `the file begins with ${bytes.toString('hex', 0, 12)}, which is none of PNG, JPEG, WebP, AVIF`,
      );
    default:
      return announced satisfies never;
  }
}

function pixelsOnly(bytes: Buffer, format: PictureFormat): Buffer {
  if (format === 'png') return pixelChunksOf(bytes);
  return format === 'avif' ? avifAsEncoded(bytes) : bytes;
}

async function decodeBySharp(bytes: Buffer, format: PictureFormat, limits: PictureLimits): Promise<DecodedPicture> {
  const metadata = await readable(sharp(bytes, { limitInputPixels: false }).metadata());
  refuseLarge(metadata.width, metadata.height, limits);
  const halvings = halvingsOf(metadata.width * metadata.height, limits);
  const options = {
    limitInputPixels: limits.maxPixels,
    failOn: 'error',
    ignoreIcc: true,
    sequentialRead: true,
  } as const;
  const pipeline = halved(inColours(sharp(bytes, options), metadata), metadata, halvings);
  const { data, info } = await readable(pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true }));
  const { data: rgb, isTransparent } = rgbOf(data, metadata);
  const notes: DecodingNote[] = [];
  if (isTransparent) notes.push('alpha-over-white');
  if (metadata.space === 'grey16' && metadata.channels === 1) notes.push('grey-16-high-byte');
  if (format === 'avif') notes.push('avif-by-libheif');
  if (halvings > 0) notes.push('halved-while-read');
  return { width: info.width, height: info.height, data: rgb, notes };
}

/** Inks stay inks, since libvips would turn them into colours by a profile of a press. */
function inColours(picture: Sharp, { space }: Metadata): Sharp {
  return space === 'cmyk' ? picture.pipelineColourspace('cmyk').toColourspace('cmyk') : picture.toColourspace('srgb');
}

function rgbOf(data: Uint8Array, { space, hasAlpha }: Metadata): ReturnType<typeof overWhite> {
  if (space === 'cmyk') return { data: rgbOfCmyk(data), isTransparent: false };
  return hasAlpha ? overWhite(data) : { data, isTransparent: false };
}

/** How often each side is halved so that few enough pixels are left. */
function halvingsOf(pixels: number, { halvedAbovePixels = HALVED_ABOVE_PIXELS }: PictureLimits): number {
  return Math.max(0, Math.ceil(Math.log2(pixels / halvedAbovePixels) / 2));
}

/** JPEG is decoded at that size to begin with. */
function halved(picture: Sharp, { width, height }: Metadata, halvings: number): Sharp {
  if (halvings === 0) return picture;
  const part = 2 ** halvings;
  const size = { width: Math.ceil(width / part), height: Math.ceil(height / part) };
  return picture.resize({ ...size, fit: 'fill', kernel: 'linear' });
}

async function readable<Result>(result: Promise<Result>): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    throw new UndecodablePictureError(`the file can't be decoded: ${(error as Error).message}`, { cause: error });
  }
}

function refuseLarge(width: number, height: number, limits: PictureLimits): void {
  if (width * height <= limits.maxPixels) return;
  throw new RefusedPictureError(
    `the picture has ${width} × ${height} pixels, at most ${limits.maxPixels} are accepted`,
  );
}
