import sharp from 'sharp';
import type { RgbPicture } from '../pictures/rgb-picture.js';
import { clipCrop } from './clip-crop.js';

/** `exact` is Pillow's arithmetic byte for byte; `fast` is libvips' cubic, up to 0.2 grey levels off on square pictures of 512 px and more. */
export type PreprocessingMode = 'exact' | 'fast';

/** Turns a decoded picture into the model's square of 8-bit RGB. */
export interface Preprocessing {
  /** Named in every score: scores of different preprocessing are never compared. */
  readonly version: string;
  apply(picture: RgbPicture, side: number, output: Uint8Array, outputAt: number): Promise<void> | void;
}

export function preprocessing(mode: PreprocessingMode): Preprocessing {
  switch (mode) {
    case 'exact':
      return { version: 'clip-pillow-exact-v1', apply: clipCrop };
    case 'fast':
      return { version: 'clip-vips-cubic-v1', apply: fastCrop };
    default:
      return mode satisfies never;
  }
}

async function fastCrop(picture: RgbPicture, side: number, output: Uint8Array, outputAt: number): Promise<void> {
  if (picture.width === side && picture.height === side) {
    output.set(picture.data, outputAt);
    return;
  }
  const pixels = await sharp(picture.data, { raw: { width: picture.width, height: picture.height, channels: 3 } })
    .resize({ width: side, height: side, fit: 'cover', kernel: 'cubic', fastShrinkOnLoad: false })
    .raw()
    .toBuffer();
  output.set(pixels, outputAt);
}
