/** @module-tag long */
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  attributes,
  denoise,
  formatScene,
  PICTURE_SIDE_PX,
  randomScene,
  seededRandom,
  swapAttribute,
  type Attribute,
  type DenoiseOptions,
  type Scene,
} from '#libs/scenes';
import { createScorer, type PictureScore, type Scorer } from '#libs/scoring';
import { degrade } from '../../tools/train-scenes-clip/degrade.js';

/** write-scenes.ts draws training pictures with seeds below this one only. */
const FIRST_HELD_OUT_SEED = 2 ** 31;
/** What control runs in the scenarios. */
const CONTROL = { sampler: 'dpmpp-2m', steps: 24, precision: 'fp16', checkpoint: 'scenes-1.0' } as const;

type Configuration = Omit<DenoiseOptions, 'seed'>;
type Scored = Extract<PictureScore, { outcome: 'scored' }>;
/** Makes the picture that somebody gets who asks for this scene. */
type Camera = (scene: Scene, seed: number) => Uint8Array;

let scorer: Scorer;
beforeAll(async () => {
  const modelDirectory = fileURLToPath(new URL('../../models/scenes-clip', import.meta.url));
  scorer = await createScorer({ modelDirectory, threads: 2 });
});
afterAll(() => scorer?.close());

describe('the scenes CLIP, through the scorer, tells a caption from one with a single attribute swapped', () => {
  let pairs: Pictures;
  let singles: Pictures;
  beforeAll(async () => {
    pairs = await photograph(heldOutScenes(400, 0), rendered(CONTROL));
    singles = await photograph(heldOutScenes(400, 1), rendered(CONTROL));
  });

  it.each(attributes)('%s, of either object of two', async (attribute) => {
    const objects = attribute === 'background' || attribute === 'place' ? [0] : [0, 1];
    for (const object of objects) expect(await rightOverSwapped(pairs, attribute, object)).toBeGreaterThanOrEqual(0.95);
  });

  it.each(attributes)('%s, of one object alone', async (attribute) => {
    expect(await rightOverSwapped(singles, attribute, 0)).toBeGreaterThanOrEqual(0.95);
  });
});

describe('its quality head separates clean pictures, AUC ≥ 0.95, from', () => {
  const scenes = heldOutScenes(300, 0.35);
  let clean: readonly number[];
  beforeAll(async () => {
    clean = (await scored(await photograph(scenes, rendered(CONTROL)))).map(quality);
  });

  it.each<[string, Camera]>([
    ['int4', rendered({ ...CONTROL, precision: 'int4' })],
    ['banding in steps of 32 levels', degraded((picture) => degrade(picture, { kind: 'banding', stepLevels: 32 }))],
    ['euler with 8 steps', rendered({ ...CONTROL, sampler: 'euler', steps: 8 })],
    ['noise of 25 levels', noise(25)],
    ['noise of 40 levels', noise(40)],
    ['blur of 2 px', blur(2)],
    ['blur of 3 px', blur(3)],
  ])('%s', async (_fault, camera) => {
    const faulty = (await scored(await photograph(scenes, camera))).map(quality);
    expect(areaUnderCurve(clean, faulty)).toBeGreaterThanOrEqual(0.95);
  });
});

describe('mean alignment and mean quality fall with the strength of', () => {
  const scenes = heldOutScenes(150, 0.35);

  it.each<[string, readonly Camera[]]>([
    ['noise', [0, 10, 20, 30, 40].map(noise)],
    ['blur', [rendered(CONTROL), ...[1, 2, 3].map(blur)]],
    [
      'banding',
      [1, 16, 32, 48].map((stepLevels) => degraded((picture) => degrade(picture, { kind: 'banding', stepLevels }))),
    ],
    ['under-stepping', [30, 16, 12, 8, 5].map((steps) => rendered({ ...CONTROL, sampler: 'euler', steps }))],
    ['quantisation', (['fp16', 'int4'] as const).map((precision) => rendered({ ...CONTROL, precision }))],
  ])('%s', async (_fault, cameras) => {
    const means: { alignment: number; quality: number }[] = [];
    for (const camera of cameras) {
      const scores = await scored(await photograph(scenes, camera));
      means.push({ alignment: mean(scores.map(alignment)), quality: mean(scores.map(quality)) });
    }
    const fallen = means.slice(1).map((after, at) => ({
      alignment: means[at]!.alignment - after.alignment,
      quality: means[at]!.quality - after.quality,
    }));
    for (const fall of fallen) {
      expect(fall.alignment).toBeGreaterThan(0);
      expect(fall.quality).toBeGreaterThan(0);
    }
  });
});

describe('equally good pictures score equally', () => {
  const scenes = heldOutScenes(300, 0.35);

  it.each<[string, Configuration]>([
    ['a cheaper sampler', { ...CONTROL, sampler: 'unipc', steps: 12 }],
    ['the next checkpoint', { ...CONTROL, checkpoint: 'scenes-1.1' }],
    ['int8', { ...CONTROL, precision: 'int8' }],
  ])('%s', async (_change, configuration) => {
    const control = await scored(await photograph(scenes, rendered(CONTROL)));
    const candidate = await scored(await photograph(scenes, rendered(configuration)));
    expect(Math.abs(mean(candidate.map(alignment)) - mean(control.map(alignment)))).toBeLessThan(0.005);
    expect(Math.abs(mean(candidate.map(quality)) - mean(control.map(quality)))).toBeLessThan(0.02);
  });
});

function heldOutScenes(count: number, singleShare: number): readonly Scene[] {
  const random = seededRandom(0x68656c64, singleShare * 100);
  return Array.from({ length: count }, () => randomScene(random, { singleShare }));
}

function rendered(configuration: Configuration): Camera {
  return (scene, seed) => denoise(scene, { ...configuration, seed });
}

function degraded(fault: (picture: Uint8Array, seed: number) => Uint8Array): Camera {
  return (scene, seed) => fault(rendered(CONTROL)(scene, seed), seed);
}

function noise(sigmaLevels: number): Camera {
  return degraded((picture, seed) => degrade(picture, { kind: 'noise', sigmaLevels, seed }));
}

function blur(sigmaPx: number): Camera {
  return degraded((picture) => degrade(picture, { kind: 'blur', sigmaPx }));
}

/** Share of the pictures that are nearer to their own prompt than to the prompt with one attribute of `object` swapped. */
async function rightOverSwapped(pictures: Pictures, attribute: Attribute, object: number): Promise<number> {
  const random = seededRandom(0x73776170, object);
  const swapped = pictures.scenes.map((scene) => swapAttribute(scene, attribute, random, object));
  const right = await scored(pictures);
  const wrong = await scored(pictures, swapped);
  return mean(right.map((score, at) => (score.alignment > wrong[at]!.alignment ? 1 : 0)));
}

interface Pictures {
  readonly scenes: readonly Scene[];
  /** PNG files. */
  readonly files: readonly Buffer[];
}

async function photograph(scenes: readonly Scene[], camera: Camera): Promise<Pictures> {
  const files = await Promise.all(scenes.map((scene, at) => pngOf(camera(scene, FIRST_HELD_OUT_SEED + at))));
  return { scenes, files };
}

/** Scores of pictures against the prompts of `asked`, by default their own. */
async function scored({ scenes, files }: Pictures, asked = scenes): Promise<readonly Scored[]> {
  const scores = await scorer.score(files.map((imageBytes, at) => ({ imageBytes, prompt: formatScene(asked[at]!) })));
  return scores.map((score) => {
    if (score.outcome !== 'scored') throw new Error(score.reason);
    return score;
  });
}

function pngOf(picture: Uint8Array): Promise<Buffer> {
  const raw = { width: PICTURE_SIDE_PX, height: PICTURE_SIDE_PX, channels: 3 } as const;
  return sharp(picture, { raw }).png({ compressionLevel: 1 }).toBuffer();
}

function alignment(score: Scored): number {
  return score.alignment;
}

function quality(score: Scored): number {
  return score.quality['clean']!;
}

/** Probability that a value of `higher` exceeds one of `lower`; ties count half. */
function areaUnderCurve(higher: readonly number[], lower: readonly number[]): number {
  return mean(higher.map((high) => mean(lower.map((low) => (high > low ? 1 : high === low ? 0.5 : 0)))));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
