import type { RgbPicture } from './rgb-picture.js';

/** `black`, or `constant` in another colour: what a safety checker's black-out or a failed decoder looks like; `low-contrast`: barely more. */
export type BlankKind = 'black' | 'constant' | 'low-contrast';

/** In words. */
export const blankReasons: Readonly<Record<BlankKind, string>> = {
  black: 'the picture is black',
  constant: 'the picture is of one colour',
  'low-contrast': 'the picture has hardly any contrast: all of it lies within 16 of 256 levels',
};

/** A pixel has the colour of the background when no channel is farther than this from the median level: 8-bit grey levels. */
const CONSTANT_LEVELS = 4;
/** The same for a picture with hardly any contrast: 16 levels from end to end, of 256. */
const LOW_CONTRAST_LEVELS = 8;
/** Share of other pixels up to which a picture is blank, unless some of them lie together. */
const STRAY_SHARE = 0.005;
/** Blocks along the shorter side. What fills more than half of one is an object, however small: a moon in the night, not a stray pixel. */
const BLOCKS = 64;
const SMALLEST_BLOCK = 2;
/** Pixels whose median stands for the background. Odd, so that they don't fall on one column of a picture. */
const SAMPLES = 63;

/**
 * Whether and how a picture is blank, of all its pixels: (nearly) all have the same colour and what differs is scattered. A gradient over
 * more than a few levels is not blank, nor is noise.
 */
export function blankKindOf(picture: RgbPicture): BlankKind | null {
  const background = medianLevels(picture.data);
  const strays = straysOf(picture, background);
  if (strays === null || strays.haveObject) return null;
  if (strays.beyondConstant > allowedStrays(picture)) return 'low-contrast';
  return Math.max(...background) <= CONSTANT_LEVELS ? 'black' : 'constant';
}

interface Strays {
  /** Pixels that are farther from the background than those of a constant picture. */
  readonly beyondConstant: number;
  /** Whether some of those that are farther than low contrast lie together. */
  readonly haveObject: boolean;
}

/** Null: there are more than a blank picture has, which most pictures show in their first rows. */
function straysOf(picture: RgbPicture, [red, green, blue]: Levels): Strays | null {
  const { width, height, data } = picture;
  const allowed = allowedStrays(picture);
  const blocks = new StrayBlocks(width, height);
  let beyondConstant = 0;
  let beyondLowContrast = 0;
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 3) {
      const distance = Math.max(
        Math.abs(data[at]! - red),
        Math.abs(data[at + 1]! - green),
        Math.abs(data[at + 2]! - blue),
      );
      if (distance <= CONSTANT_LEVELS) continue;
      beyondConstant += 1;
      if (distance <= LOW_CONTRAST_LEVELS) continue;
      beyondLowContrast += 1;
      if (beyondLowContrast > allowed) return null;
      blocks.count(x, y);
    }
  }
  return { beyondConstant, haveObject: blocks.haveObject() };
}

function allowedStrays({ width, height }: RgbPicture): number {
  return Math.floor(width * height * STRAY_SHARE);
}

/** How many strays lie in each block of a picture. */
class StrayBlocks {
  private readonly side: number;
  private readonly columns: number;
  private readonly counts: Uint32Array;

  constructor(width: number, height: number) {
    this.side = Math.max(SMALLEST_BLOCK, Math.round(Math.min(width, height) / BLOCKS));
    this.columns = Math.ceil(width / this.side);
    this.counts = new Uint32Array(this.columns * Math.ceil(height / this.side));
  }

  count(x: number, y: number): void {
    this.counts[Math.floor(y / this.side) * this.columns + Math.floor(x / this.side)]! += 1;
  }

  haveObject(): boolean {
    return this.counts.some((strays) => strays > this.side ** 2 / 2);
  }
}

type Levels = readonly [red: number, green: number, blue: number];

/** Median level of each channel over some evenly spread pixels: in a blank picture it is the level of the background. */
function medianLevels(pixels: Uint8Array): Levels {
  const step = Math.max(1, Math.floor(pixels.length / 3 / SAMPLES)) * 3;
  const levels = Array.from({ length: 3 }, (_, channel) => {
    const samples = new Uint8Array(Math.ceil(pixels.length / step));
    for (let index = 0; index < samples.length; index += 1) samples[index] = pixels[index * step + channel]!;
    return samples.sort()[samples.length >> 1]!;
  });
  return [levels[0]!, levels[1]!, levels[2]!];
}
