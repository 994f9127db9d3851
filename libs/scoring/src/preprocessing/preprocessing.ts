import sharp from 'sharp';
import type { PictureSteps } from '../checkpoint/description.js';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import type { RgbPicture } from '../pictures/rgb-picture.js';
import { cropGeometry } from './crop-geometry.js';
import { squareOf } from './square-of.js';
import type { SquarePlace } from './square-place.js';

/** `exact` is Pillow's arithmetic byte for byte; `fast` is libvips' cubic, up to 0.2 grey levels off on square pictures of 512 px and more. */
export type PreprocessingMode = 'exact' | 'fast';

/** Turns a decoded picture into the model's square of 8-bit RGB. */
export interface Preprocessing {
  /** Named in every score: scores of different preprocessing are never compared. */
  readonly version: string;
  apply(picture: RgbPicture, place: SquarePlace): Promise<void> | void;
  /** What the model sees of a picture of this size. */
  seen(size: Pick<RgbPicture, 'width' | 'height'>): SeenPart;
}

export interface SeenPart {
  /** Of its area. */
  readonly share: number;
  /** It lies whole between borders, where a model of this kind would see its middle alone. */
  readonly isLetterboxed: boolean;
}

/** From so many times as long as wide a crop of the middle would leave out half of the picture. */
const PANORAMA_RATIO = 2;

/** @throws ModelDirectoryError when the mode can't do what the model asks for */
export function preprocessing(mode: PreprocessingMode, steps: PictureSteps): Preprocessing {
  const seen = (size: Pick<RgbPicture, 'width' | 'height'>): SeenPart => seenBy(size, steps);
  switch (mode) {
    case 'exact':
      return {
        version: exactVersion(steps),
        apply: (picture, place) => squareOf(picture, stepsFor(picture, steps), place),
        seen,
      };
    case 'fast':
      if (!isPlainCrop(steps)) {
        throw new ModelDirectoryError(
          `fast preprocessing knows the centred square of a bicubic resize only; this model wants ${steps.kernel}, ${steps.resize.kind} at ${steps.resize.edge}: use exact`,
        );
      }
      return {
        version: 'clip-vips-cubic-v2',
        apply: (picture, place) =>
          isPanorama(picture, steps)
            ? squareOf(picture, stepsFor(picture, steps), place)
            : fastCrop(picture, steps.side, place),
        seen,
      };
    default:
      return mode satisfies never;
  }
}

function isPanorama({ width, height }: Pick<RgbPicture, 'width' | 'height'>, { resize }: PictureSteps): boolean {
  return resize.kind === 'crop' && Math.max(width, height) >= PANORAMA_RATIO * Math.min(width, height);
}

function stepsFor(size: Pick<RgbPicture, 'width' | 'height'>, steps: PictureSteps): PictureSteps {
  return isPanorama(size, steps) ? { ...steps, resize: { kind: 'letterbox', edge: steps.side } } : steps;
}

function seenBy(size: Pick<RgbPicture, 'width' | 'height'>, steps: PictureSteps): SeenPart {
  const { width, height, resizedWidth, resizedHeight } = cropGeometry(size.width, size.height, stepsFor(size, steps));
  return { share: (width * height) / (resizedWidth * resizedHeight), isLetterboxed: isPanorama(size, steps) };
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
