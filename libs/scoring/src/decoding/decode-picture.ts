import sharp from 'sharp';
import type { RgbPicture } from '../pictures/rgb-picture.js';
import { RefusedPictureError, UndecodablePictureError } from './picture-errors.js';
import { pictureFormat } from './picture-format.js';
import { decodePlainPng } from './plain-png.js';

/** What a picture may be at most: the bytes come from outside. */
export interface PictureLimits {
  readonly maxBytes: number;
  readonly maxPixels: number;
}

/** 32 MiB of file, 4096 × 4096 pixels. */
export const defaultPictureLimits: PictureLimits = { maxBytes: 32 * 1024 * 1024, maxPixels: 4096 * 4096 };

/**
 * Decodes PNG, JPEG, WebP or AVIF to 8-bit RGB: EXIF orientation not applied, embedded colour profiles ignored, alpha dropped
 * (not blended), first page only, which is what Pillow's `convert('RGB')` gives CLIP.
 *
 * @throws RefusedPictureError when a limit is broken
 * @throws UndecodablePictureError when the bytes are broken, cut short, or none of these formats
 */
export async function decodePicture(bytes: Buffer, limits: PictureLimits = defaultPictureLimits): Promise<RgbPicture> {
  return decodeSmallPicture(bytes, limits) ?? decodeBySharp(bytes, limits);
}

/** The part that needs no thread: undefined when the picture has to take the long way. */
function decodeSmallPicture(bytes: Buffer, limits: PictureLimits): RgbPicture | undefined {
  if (bytes.length === 0) throw new UndecodablePictureError('the file is empty, expected a picture');
  if (bytes.length > limits.maxBytes) {
    throw new RefusedPictureError(`the file has ${bytes.length} bytes, at most ${limits.maxBytes} are accepted`);
  }
  const format = pictureFormat(bytes);
  if (format === undefined) {
    throw new UndecodablePictureError(
      `the file begins with ${bytes.toString('hex', 0, 12)}, which is none of PNG, JPEG, WebP, AVIF`,
    );
  }
  const picture = format === 'png' ? decodePlainPng(bytes) : undefined;
  if (picture !== undefined) refuseLarge(picture.width, picture.height, limits);
  return picture;
}

async function decodeBySharp(bytes: Buffer, limits: PictureLimits): Promise<RgbPicture> {
  const { width, height } = await readable(sharp(bytes, { limitInputPixels: false }).metadata());
  refuseLarge(width, height, limits);
  const { data, info } = await readable(
    sharp(bytes, { limitInputPixels: limits.maxPixels, failOn: 'error', ignoreIcc: true, sequentialRead: true })
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true }),
  );
  return { width: info.width, height: info.height, data };
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
