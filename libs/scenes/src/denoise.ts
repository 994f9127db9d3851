import { brokenPicture, checkpoints, sceneDrawnBy, type Checkpoint } from './checkpoint.js';
import { drawScene, PICTURE_BYTES } from './draw-scene.js';
import { gaussianNoise, noiseDeviations, NOISE_VALUES } from './gaussian-noise.js';
import { formatScene } from './grammar.js';
import type { Scene } from './scene.js';
import { hashText } from './seeded.js';

export const samplers = ['euler', 'ddim', 'dpmpp-2m', 'unipc', 'lcm'] as const;
export type Sampler = (typeof samplers)[number];

export const precisions = ['fp16', 'int8', 'int4'] as const;
export type Precision = (typeof precisions)[number];

export const MOST_STEPS = 150;

/** Which picture a simulated diffusion model makes of a scene. */
export interface DenoiseOptions {
  /** 32-bit integer. */
  readonly seed: number;
  /** 1 to `MOST_STEPS`. */
  readonly steps: number;
  readonly sampler: Sampler;
  readonly precision: Precision;
  readonly checkpoint: Checkpoint;
}

/** Share of the present noise that the simulated network takes for picture when it predicts the clean one. */
const MISTAKEN_SHARE = 0.25;

interface Schedule {
  /** Share of the distance to the predicted picture that one step leaves. */
  readonly kept: number;
  /** Noise that each step adds again, as a share of the noise at the start. */
  readonly renewed: number;
}

/**
 * What is left of the noise after n steps is (0.25 + 0.75 · kept)ⁿ of its start: `euler` 8 steps 24 %, 20 steps 3 %, 30 steps 0.4 %;
 * `dpmpp-2m` 20 steps 0.4 %; `unipc` 12 steps 0.4 %; `lcm` is near its floor of 1.5 % after 5.
 */
const SCHEDULES: Readonly<Record<Sampler, Schedule>> = {
  euler: { kept: 0.78, renewed: 0 },
  ddim: { kept: 0.73, renewed: 0 },
  'dpmpp-2m': { kept: 0.675, renewed: 0 },
  unipc: { kept: 0.505, renewed: 0 },
  lcm: { kept: 0.2, renewed: 0.009 },
};

/** Grey levels, 0 to 255, are centred here; noise at the start has this standard deviation too. */
const MIDDLE_LEVEL = 127.5;
/** Quantised numbers must hold the noise of the start, not only the picture: ± 1.7 times the picture's range. */
const QUANTISED_RANGE_LEVELS = 2 * 1.7 * MIDDLE_LEVEL;
const QUANTISED_VALUES: Readonly<Record<Precision, number>> = { fp16: 65536, int8: 256, int4: 16 };

/**
 * The simulated denoising loop: from seeded noise to the drawn scene, `PICTURE_BYTES` bytes of RGB. Every step predicts the clean
 * picture, rounds the prediction to the precision and moves towards it as far as the sampler does. Too few steps leave noise;
 * `int4` (steps of 29 grey levels) leaves bands in the shading, `int8` (1.7 levels) hardly anything; fp16 rounds far below one level.
 * The loop treats every channel of every pixel alike, so it is run once for each pair of drawn level and noise and the results are
 * kept for the configuration: 20 ms at its first use, then O(pixels) whatever the steps.
 * The same scene and options give the same bytes on every machine.
 *
 * @throws RangeError when an option is unknown or out of range; the message names what was expected.
 */
export function denoise(scene: Scene, options: DenoiseOptions): Uint8Array {
  assertDenoiseOptions(options);
  const pictureSeed = hashText(formatScene(scene), options.seed);
  const broken = brokenPicture(options.checkpoint, pictureSeed);
  if (broken) return broken;
  const drawn = drawScene(sceneDrawnBy(options.checkpoint, scene, pictureSeed), options.seed);
  const noise = gaussianNoise(pictureSeed, PICTURE_BYTES);
  const finished = finishedLevels(options);
  for (let at = 0; at < PICTURE_BYTES; at += 1) drawn[at] = finished[drawn[at]! * NOISE_VALUES + noise[at]!]!;
  return drawn;
}

/** @throws RangeError naming the option, its value and what was expected. */
export function assertDenoiseOptions(options: DenoiseOptions): void {
  assertKnown('sampler', options.sampler, samplers);
  assertKnown('precision', options.precision, precisions);
  assertKnown('checkpoint', options.checkpoint, checkpoints);
  assertInteger('steps', options.steps, 1, MOST_STEPS);
  assertInteger('seed', options.seed, -(2 ** 31), 2 ** 32 - 1);
}

/** The finished level for every drawn level and noise number: the entry at drawn · NOISE_VALUES + noise. */
function finishedLevels({ sampler, steps, precision }: DenoiseOptions): Uint8Array {
  const key = `${sampler} ${steps} ${precision}`;
  const known = finishedByConfiguration.get(key);
  if (known) return known;
  if (finishedByConfiguration.size >= MOST_TABLES) finishedByConfiguration.clear();
  const loop = { schedule: SCHEDULES[sampler], steps, values: QUANTISED_VALUES[precision] };
  const finished = new Uint8Array(256 * NOISE_VALUES);
  for (let drawn = 0; drawn < 256; drawn += 1) {
    for (let noise = 0; noise < NOISE_VALUES; noise += 1) {
      const level = runLoop(drawn, noiseDeviations(noise) * MIDDLE_LEVEL, loop);
      finished[drawn * NOISE_VALUES + noise] = Math.floor(Math.min(255, Math.max(0, level)) + 0.5);
    }
  }
  finishedByConfiguration.set(key, finished);
  return finished;
}

const MOST_TABLES = 256;
const finishedByConfiguration = new Map<string, Uint8Array>();

interface DenoisingLoop {
  readonly schedule: Schedule;
  readonly steps: number;
  /** Values that a level may have after each step. */
  readonly values: number;
}

function runLoop(drawn: number, noiseLevels: number, { schedule, steps, values }: DenoisingLoop): number {
  const { kept, renewed } = schedule;
  const stepLevels = QUANTISED_RANGE_LEVELS / (values - 1);
  const lowest = MIDDLE_LEVEL - QUANTISED_RANGE_LEVELS / 2;
  let level = MIDDLE_LEVEL + noiseLevels;
  for (let step = 0; step < steps; step += 1) {
    const predicted = drawn + (level - drawn) * MISTAKEN_SHARE;
    const value = Math.min(values - 1, Math.max(0, Math.floor((predicted - lowest) / stepLevels + 0.5)));
    const rounded = lowest + value * stepLevels;
    level = rounded + (level - rounded) * kept + renewed * noiseLevels;
  }
  return level;
}

function assertKnown(name: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new RangeError(`unknown ${name} "${value}"; known: ${known.join(', ')}`);
}

function assertInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${name} is ${value}; expected an integer from ${least} to ${most}`);
}
