import { coverage } from './coverage.js';
import { formatScene } from './grammar.js';
import type { Background, Colour, Place, Scene, SceneObject, Size } from './scene.js';
import { hashText, seededRandom, type SeededRandom } from './seeded.js';

/** Pictures are `PICTURE_SIDE_PX` × `PICTURE_SIDE_PX` RGB, row by row, one byte a channel. */
export const PICTURE_SIDE_PX = 64;
export const PICTURE_BYTES = PICTURE_SIDE_PX * PICTURE_SIDE_PX * 3;

type Rgb = readonly [number, number, number];

export const COLOUR_RGB: Readonly<Record<Colour, Rgb>> = {
  red: [214, 28, 34],
  orange: [250, 132, 14],
  yellow: [252, 232, 40],
  green: [26, 142, 58],
  blue: [24, 62, 214],
  purple: [126, 34, 164],
  white: [252, 252, 252],
  black: [14, 14, 16],
};

/** Middle tones, so that the shading reaches neither black nor white. */
export const BACKGROUND_RGB: Readonly<Record<Background, Rgb>> = {
  sand: [198, 176, 128],
  slate: [92, 104, 122],
  sky: [132, 184, 218],
  rose: [214, 146, 168],
};

const RADIUS_PX: Readonly<Record<Size, number>> = { small: 9.3, large: 14.6 };
const CENTRE_PX: Readonly<Record<Place, readonly [number, number]>> = {
  left: [16.5, 32],
  right: [47.5, 32],
  top: [32, 16.5],
  bottom: [32, 47.5],
};
const JITTER_PX = 3;
const SIZE_JITTER = 0.1;
/** The background's shade runs by ± this many grey levels from one side of the picture to the other. */
const SHADING_LEVELS = 28;

/**
 * Draws a scene: `PICTURE_BYTES` bytes. Place, size and direction of the shading vary with `seed` (32-bit integer) and the prompt;
 * the same scene and seed give the same bytes on every machine.
 */
export function drawScene(scene: Scene, seed: number): Uint8Array {
  const random = seededRandom(hashText(formatScene(scene)), seed);
  const picture = new Uint8Array(PICTURE_BYTES);
  drawBackground(picture, BACKGROUND_RGB[scene.background], random);
  for (const object of scene.objects) drawObject(picture, object, random);
  return picture;
}

function drawBackground(picture: Uint8Array, [red, green, blue]: Rgb, random: SeededRandom): void {
  const acrossShare = random.between(-1, 1);
  const downShare = (1 - Math.abs(acrossShare)) * (random.uniform() < 0.5 ? -1 : 1);
  const perPixel = (2 * SHADING_LEVELS) / (PICTURE_SIDE_PX - 1);
  const corner = -SHADING_LEVELS * (acrossShare + downShare) + 0.5;
  let at = 0;
  for (let y = 0; y < PICTURE_SIDE_PX; y += 1) {
    for (let x = 0; x < PICTURE_SIDE_PX; x += 1) {
      const shade = corner + perPixel * (acrossShare * x + downShare * y);
      picture[at] = red + shade;
      picture[at + 1] = green + shade;
      picture[at + 2] = blue + shade;
      at += 3;
    }
  }
}

function drawObject(picture: Uint8Array, object: SceneObject, random: SeededRandom): void {
  const [placeX, placeY] = CENTRE_PX[object.place];
  const centreX = placeX + random.between(-JITTER_PX, JITTER_PX);
  const centreY = placeY + random.between(-JITTER_PX, JITTER_PX);
  const radiusPx = RADIUS_PX[object.size] * random.between(1 - SIZE_JITTER, 1 + SIZE_JITTER);
  const colour = COLOUR_RGB[object.colour];
  // No shape reaches farther than 1.14 radii; one pixel more for its soft edge.
  const reachPx = 1.14 * radiusPx + 1;
  const fromX = Math.max(0, Math.floor(centreX - reachPx));
  const toX = Math.min(PICTURE_SIDE_PX, Math.ceil(centreX + reachPx));
  const fromY = Math.max(0, Math.floor(centreY - reachPx));
  const toY = Math.min(PICTURE_SIDE_PX, Math.ceil(centreY + reachPx));
  for (let y = fromY; y < toY; y += 1) {
    for (let x = fromX; x < toX; x += 1) {
      const share = coverage(object.shape, x + 0.5 - centreX, y + 0.5 - centreY, radiusPx);
      if (share > 0) blend(picture, (y * PICTURE_SIDE_PX + x) * 3, colour, share);
    }
  }
}

function blend(picture: Uint8Array, at: number, colour: Rgb, share: number): void {
  for (let channel = 0; channel < 3; channel += 1) {
    const below = picture[at + channel]!;
    picture[at + channel] = below + (colour[channel]! - below) * share + 0.5;
  }
}
