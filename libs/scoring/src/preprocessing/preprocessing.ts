import sharp from 'sharp';
import type { PictureSteps } from '../checkpoint/description.js';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import type { RgbPicture } from '../pictures/rgb-picture.js';
import { squareOf, type SquarePlace } from './square-of.js';

/** `exact` is Pillow's arithmetic byte for byte; `fast` is libvips' cubic, up to 0.2 grey levels off on square pictures of 512 px and more. */
export type PreprocessingMode = 'exact' | 'fast';

/** Turns a decoded picture into the model's square of 8-bit RGB. */
export interface Preprocessing {
  /** Named in every score: scores of different preprocessing are never compared. */
  readonly version: string;
  apply(picture: RgbPicture, place: SquarePlace): Promise<void> | void;
}

/** @throws ModelDirectoryError when the mode can't do what the model asks for */
export function preprocessing(mode: PreprocessingMode, steps: PictureSteps): Preprocessing {
  switch (mode) {
    case 'exact':
      return { version: exactVersion(steps), apply: (picture, place) => squareOf(picture, steps, place) };
    case 'fast':
      if (!isPlainCrop(steps)) {
        throw new ModelDirectoryError(
          `fast preprocessing knows the centred square of a bicubic resize only; this model wants ${steps.kernel}, ${steps.resize.kind} at ${steps.resize.edge}: use exact`,
        );
      }
      return { version: 'clip-vips-cubic-v2', apply: (picture, place) => fastCrop(picture, steps.side, place) };
    default:
      return mode satisfies never;
  }
}

/**
 * v3: the crop of OpenAI's own code; v4: the steps of the model's description, which its digest covers. v1 and v2 were the same while decoding
 * dropped alpha and let libvips turn inks into colours.
 */
function exactVersion(steps: PictureSteps): string {
  return isPlainCrop(steps) && steps.offsets === 'half-even' ? 'clip-pillow-exact-v3' : 'clip-pillow-exact-v4';
}

function isPlainCrop({ kernel, resize, side }: PictureSteps): boolean {
  return kernel === 'bicubic' && resize.kind === 'crop' && resize.edge === side;
}

async function fastCrop(picture: RgbPicture, side: number, { output, at }: SquarePlace): Promise<void> {
  if (picture.width === side && picture.height === side) {
    output.set(picture.data, at);
    return;
  }
  const pixels = await sharp(picture.data, { raw: { width: picture.width, height: picture.height, channels: 3 } })
    .resize({ width: side, height: side, fit: 'cover', kernel: 'cubic', fastShrinkOnLoad: false })
    .raw()
    .toBuffer();
  output.set(pixels, at);
}
