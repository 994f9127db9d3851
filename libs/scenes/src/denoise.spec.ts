import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkpoints, WRONG_SHARE, type Checkpoint } from './checkpoint.js';
import { assertDenoiseOptions, denoise, precisions, samplers, type DenoiseOptions } from './denoise.js';
import { drawScene, PICTURE_BYTES } from './draw-scene.js';
import { randomScene } from './random-scene.js';
import type { Scene } from './scene.js';
import { seededRandom } from './seeded.js';

const good: DenoiseOptions = { seed: 7, steps: 24, sampler: 'dpmpp-2m', precision: 'fp16', checkpoint: 'scenes-1.0' };
const scene: Scene = {
  objects: [
    { size: 'large', colour: 'green', shape: 'triangle', place: 'left' },
    { size: 'small', colour: 'white', shape: 'ring', place: 'right' },
  ],
  background: 'sky',
};

describe('denoise', () => {
  it.each([
    [good, '63090150ffb0dc929599e11312083378e4c91a4b9e8cfe9a9807375448cff8ea'],
    [{ ...good, sampler: 'euler', steps: 8 }, '4060bc42c98612ee0a53afce8fb9ce8a8f679e20d66e1869568ff00944351dbb'],
    [{ ...good, precision: 'int4' }, 'e8ee617d70b8def6bc1e45dd1b7661d4195396931039aee62541d797b084cb80'],
    [
      { ...good, sampler: 'lcm', steps: 6, precision: 'int8', seed: 4_000_000_000 },
      '3a2bfb2b430832e26ae3be127b225d642f51b8477599f1b1b29101c272e3aa5d',
    ],
  ] as const)('makes the same bytes as ever with %o', (options, digest) => {
    expect(createHash('sha256').update(denoise(scene, options)).digest('hex')).toBe(digest);
  });

  it('repeats itself for the same seed and differs for another', () => {
    expect(denoise(scene, good)).toEqual(denoise(scene, good));
    expect(denoise(scene, { ...good, seed: 8 })).not.toEqual(denoise(scene, good));
  });

  it('reaches the drawn scene within a level when there are steps enough, with the cheap sampler as with the usual one', () => {
    expect(spreadLevels({ ...good, sampler: 'dpmpp-2m', steps: 24 })).toBeLessThan(0.8);
    expect(spreadLevels({ ...good, sampler: 'unipc', steps: 12 })).toBeLessThan(0.8);
    expect(spreadLevels({ ...good, sampler: 'euler', steps: 30 })).toBeLessThan(0.8);
    expect(spreadLevels({ ...good, precision: 'int8' })).toBeLessThan(1.5);
    expect(spreadLevels({ ...good, sampler: 'lcm', steps: 6 })).toBeLessThan(3);
  });

  it('leaves visible noise when under-stepped', () => {
    expect(spreadLevels({ ...good, sampler: 'euler', steps: 8 })).toBeGreaterThan(20);
  });

  it.each(samplers)('%s leaves less to do the more steps it takes', (sampler) => {
    const spreads = [2, 4, 8, 16].map((steps) => spreadLevels({ ...good, sampler, steps }));
    for (let at = 1; at < spreads.length; at += 1) expect(spreads[at]).toBeLessThanOrEqual(spreads[at - 1]!);
  });

  it('bands the shading with int4: a quarter or less of the levels of fp16 are in use', () => {
    const levelsInUse = (precision: 'fp16' | 'int4'): number =>
      new Set(denoise(scene, { ...good, steps: 40, precision })).size;
    expect(levelsInUse('int4')).toBeLessThanOrEqual(levelsInUse('fp16') / 4);
    expect(spreadLevels({ ...good, precision: 'int4' })).toBeGreaterThan(6);
  });

  it(
    'draws the right scene from good checkpoints and a wrong one in a fifth of the pictures from wrong-attribute ones',
    { tags: 'long' },
    () => {
      expect(wrongShare('scenes-1.0')).toBe(0);
      expect(wrongShare('scenes-1.1')).toBe(0);
      for (const checkpoint of checkpoints.filter((name) => name.includes('wrong-attribute'))) {
        expect(wrongShare(checkpoint)).toBeGreaterThan(WRONG_SHARE - 0.05);
        expect(wrongShare(checkpoint)).toBeLessThan(WRONG_SHARE + 0.05);
      }
    },
  );

  it('draws nothing of the scene from broken checkpoints', () => {
    expect(new Set(denoise(scene, { ...good, checkpoint: 'scenes-1.1-blank' }))).toEqual(new Set([0]));
    expect(spreadLevels({ ...good, checkpoint: 'scenes-1.1-garbage' })).toBeGreaterThan(50);
  });

  it.each([
    ['sampler', 'heun', samplers],
    ['precision', 'int2', precisions],
    ['checkpoint', 'scenes-9', checkpoints],
  ] as const)('refuses an unknown %s and names the known ones', (field, value, known) => {
    expect(() => denoise(scene, { ...good, [field]: value } as DenoiseOptions)).toThrow(
      `unknown ${field} "${value}"; known: ${known.join(', ')}`,
    );
  });

  it.each([
    [{ steps: 0 }, 'steps is 0; expected an integer from 1 to 150'],
    [{ steps: 2.5 }, 'steps is 2.5; expected an integer from 1 to 150'],
    [{ seed: 2 ** 32 }, 'seed is 4294967296; expected an integer from -2147483648 to 4294967295'],
  ])('refuses %o', (wrong, message) => {
    expect(() => assertDenoiseOptions({ ...good, ...wrong })).toThrow(message);
  });
});

/** Standard deviation, in grey levels, between the drawn scene and what the loop made of it. */
function spreadLevels(options: DenoiseOptions): number {
  const drawn = drawScene(scene, options.seed);
  let squares = 0;
  for (const [at, level] of denoise(scene, options).entries()) squares += (level - drawn[at]!) ** 2;
  return Math.sqrt(squares / PICTURE_BYTES);
}

const PICTURES = 500;

/** Share of the pictures that are far from the scene asked for. */
function wrongShare(checkpoint: Checkpoint): number {
  const random = seededRandom(11);
  let wrong = 0;
  for (let seed = 0; seed < PICTURES; seed += 1) {
    const asked = randomScene(random);
    const drawn = drawScene(asked, seed);
    const made = denoise(asked, { ...good, seed, checkpoint });
    let farLevels = 0;
    for (let at = 0; at < PICTURE_BYTES; at += 1) if (Math.abs(made[at]! - drawn[at]!) > 12) farLevels += 1;
    if (farLevels > 0) wrong += 1;
  }
  return wrong / PICTURES;
}
