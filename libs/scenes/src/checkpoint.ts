import { PICTURE_BYTES } from './draw-scene.js';
import { gaussianNoise, noiseDeviations } from './gaussian-noise.js';
import type { Scene } from './scene.js';
import { seededRandom } from './seeded.js';
import { swapAttribute, type Attribute } from './swap-attribute.js';

/**
 * Simulated checkpoints. `scenes-1.0` and `scenes-1.1` draw what the prompt says; those with `wrong-attribute` in their name draw
 * one attribute wrong in a share of the pictures; `garbage` never leaves its noise and `blank` answers black pictures.
 */
export const checkpoints = [
  'scenes-1.0',
  'scenes-1.1',
  'scenes-1.1-wrong-attribute',
  'scenes-1.1-wrong-attribute-colour',
  'scenes-1.1-wrong-attribute-shape',
  'scenes-1.1-wrong-attribute-size',
  'scenes-1.1-wrong-attribute-place',
  'scenes-1.1-wrong-attribute-background',
  'scenes-1.1-garbage',
  'scenes-1.1-blank',
] as const;
export type Checkpoint = (typeof checkpoints)[number];

/** Share of the pictures (prompt and seed) in which a `wrong-attribute` checkpoint draws something else. */
export const WRONG_SHARE = 0.2;

const WRONG_ATTRIBUTES: Readonly<Partial<Record<Checkpoint, readonly Attribute[]>>> = {
  'scenes-1.1-wrong-attribute': ['colour', 'shape'],
  'scenes-1.1-wrong-attribute-colour': ['colour'],
  'scenes-1.1-wrong-attribute-shape': ['shape'],
  'scenes-1.1-wrong-attribute-size': ['size'],
  'scenes-1.1-wrong-attribute-place': ['place'],
  'scenes-1.1-wrong-attribute-background': ['background'],
};

/** What the checkpoint draws when it is asked for `scene`; `pictureSeed` stands for prompt and seed together. */
export function sceneDrawnBy(checkpoint: Checkpoint, scene: Scene, pictureSeed: number): Scene {
  const wrong = WRONG_ATTRIBUTES[checkpoint];
  if (!wrong) return scene;
  const random = seededRandom(pictureSeed, 0x77726f6e);
  if (random.uniform() >= WRONG_SHARE) return scene;
  return swapAttribute(scene, random.pick(wrong), random, random.index(scene.objects.length));
}

/** The picture of a checkpoint that cannot draw at all; null for every other one. */
export function brokenPicture(checkpoint: Checkpoint, pictureSeed: number): Uint8Array | null {
  if (checkpoint === 'scenes-1.1-blank') return new Uint8Array(PICTURE_BYTES);
  if (checkpoint !== 'scenes-1.1-garbage') return null;
  return Uint8Array.from(gaussianNoise(pictureSeed, PICTURE_BYTES), (noise) =>
    Math.min(255, Math.max(0, 127.5 + 60 * noiseDeviations(noise))),
  );
}
