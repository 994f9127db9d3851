import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  backgrounds,
  colours,
  denoise,
  drawScene,
  formatScene,
  places,
  randomScene,
  seededRandom,
  shapes,
  sizes,
  swapAttribute,
  type Attribute,
  type Sampler,
  type Scene,
  type SeededRandom,
} from '#libs/scenes';
import { degrade } from './degrade.js';

/**
 * Writes the training scenes that train.py reads:
 *   npx tsx --conditions=teststrip-source tools/train-scenes-clip/write-scenes.ts --out DIR --count 100000 --seed 1
 * DIR/pictures.u8      count × 64 × 64 × 3 bytes
 * DIR/scenes.jsonl     a line for each picture: the prompt, the fault and its strength, and two prompts that are wrong by one attribute
 * DIR/vocabulary.json  every word of the captions, in a fixed order
 * Seeds from 2³¹ upwards are left to tests: the writer never uses them.
 */
const FAULTS = ['clean', 'noisy', 'blurry', 'banded', 'unfinished'] as const;
type Fault = (typeof FAULTS)[number];

function writeScenes(folder: string, count: number, seed: number): void {
  mkdirSync(folder, { recursive: true });
  const random = seededRandom(seed, 0x7363656e);
  const pictures = openSync(join(folder, 'pictures.u8'), 'w');
  const lines: string[] = [];
  for (let written = 0; written < count; written += 1) {
    const scene = randomScene(random);
    const fault = random.uniform() < 0.5 ? 'clean' : random.pick(FAULTS.slice(1));
    const { picture, strength } = photograph(scene, fault, random);
    writeSync(pictures, picture);
    lines.push(
      JSON.stringify({
        prompt: formatScene(scene),
        fault,
        strength: Number(strength.toFixed(4)),
        attributeSwap: formatScene(
          swapAttribute(scene, wrongAttribute(random), random, random.index(scene.objects.length)),
        ),
        placeSwap: formatScene(swapAttribute(scene, 'place', random, random.index(scene.objects.length))),
      }),
    );
  }
  closeSync(pictures);
  writeFileSync(join(folder, 'scenes.jsonl'), `${lines.join('\n')}\n`);
  const words = ['a', 'picture', 'of', ...FAULTS, 'and', 'at', 'the', 'on', 'background'];
  writeFileSync(
    join(folder, 'vocabulary.json'),
    JSON.stringify([...words, ...sizes, ...colours, ...shapes, ...places, ...backgrounds]),
  );
}

/** Shape is the hardest to see, so it is asked for most often. */
function wrongAttribute(random: SeededRandom): Attribute {
  const draw = random.uniform();
  if (draw < 0.5) return 'shape';
  if (draw < 0.7) return 'colour';
  return draw < 0.85 ? 'size' : 'background';
}

interface Photograph {
  readonly picture: Uint8Array;
  /** 0 for a clean picture; from 0, hardly visible, to 1 for the strongest of its kind. */
  readonly strength: number;
}

/** The strongest fault of each kind, and the weakest. */
const NOISE_LEVELS = [6, 45] as const;
const BLUR_PX = [0.7, 3] as const;
const BANDING_LEVELS = [16, 56] as const;
/** What `int4` rounds to: 16 values over 1.7 times the range of a picture. */
const INT4_LEVELS = 29;
/** Under-stepped pictures differ from finished ones by at most about this much (root of the mean square). */
const UNFINISHED_LEVELS = 45;

function photograph(scene: Scene, fault: Fault, random: SeededRandom): Photograph {
  const seed = random.uint32() >>> 1;
  const good = { checkpoint: 'scenes-1.0', seed } as const;
  switch (fault) {
    case 'clean': {
      const drawn = random.uniform() < 0.5;
      return { picture: drawn ? drawScene(scene, seed) : finishedPicture(scene, seed, random), strength: 0 };
    }
    case 'noisy': {
      const sigmaLevels = random.between(...NOISE_LEVELS);
      const picture = degrade(drawScene(scene, seed), { kind: 'noise', sigmaLevels, seed: random.uint32() });
      return { picture, strength: within(NOISE_LEVELS, sigmaLevels) };
    }
    case 'blurry': {
      const sigmaPx = random.between(...BLUR_PX);
      return {
        picture: degrade(drawScene(scene, seed), { kind: 'blur', sigmaPx }),
        strength: within(BLUR_PX, sigmaPx),
      };
    }
    case 'banded': {
      if (random.uniform() >= 0.5) {
        const picture = denoise(scene, { ...enoughSteps(random), ...good, precision: 'int4' });
        return { picture, strength: within(BANDING_LEVELS, INT4_LEVELS) };
      }
      const stepLevels = random.between(...BANDING_LEVELS);
      const picture = degrade(drawScene(scene, seed), { kind: 'banding', stepLevels });
      return { picture, strength: within(BANDING_LEVELS, stepLevels) };
    }
    case 'unfinished': {
      const picture = denoise(scene, { ...tooFewSteps(random), ...good, precision: fineEnough(random) });
      const difference = rootMeanSquare(picture, drawScene(scene, seed));
      return { picture, strength: Math.min(1, difference / UNFINISHED_LEVELS) };
    }
    default:
      return fault satisfies never;
  }
}

function within([weakest, strongest]: readonly [number, number], value: number): number {
  return (value - weakest) / (strongest - weakest);
}

function rootMeanSquare(one: Uint8Array, other: Uint8Array): number {
  return Math.sqrt(one.reduce((sum, level, at) => sum + (level - other[at]!) ** 2, 0) / one.length);
}

function finishedPicture(scene: Scene, seed: number, random: SeededRandom): Uint8Array {
  return denoise(scene, { ...enoughSteps(random), precision: fineEnough(random), checkpoint: 'scenes-1.0', seed });
}

function fineEnough(random: SeededRandom): 'fp16' | 'int8' {
  return random.uniform() < 0.5 ? 'fp16' : 'int8';
}

interface SamplerRun {
  readonly sampler: Sampler;
  readonly steps: number;
}

/** From the fewest to the most steps of each sampler that leave less than 1.5 % of the noise. */
const ENOUGH_STEPS: readonly (readonly [Sampler, number, number])[] = [
  ['dpmpp-2m', 18, 30],
  ['unipc', 11, 16],
  ['euler', 26, 40],
  ['ddim', 22, 34],
  ['lcm', 6, 8],
];

/** From the fewest to the most steps of each sampler that leave between about 4 % and 35 % of the noise. */
const TOO_FEW_STEPS: readonly (readonly [Sampler, number, number])[] = [
  ['euler', 6, 18],
  ['ddim', 5, 14],
  ['dpmpp-2m', 4, 11],
  ['unipc', 3, 7],
  ['lcm', 1, 3],
];

function enoughSteps(random: SeededRandom): SamplerRun {
  return drawRun(ENOUGH_STEPS, random);
}

function tooFewSteps(random: SeededRandom): SamplerRun {
  return drawRun(TOO_FEW_STEPS, random);
}

function drawRun(runs: readonly (readonly [Sampler, number, number])[], random: SeededRandom): SamplerRun {
  const [sampler, fewest, most] = random.pick(runs);
  return { sampler, steps: fewest + random.index(most - fewest + 1) };
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new Error(`${option} is "${text}"; expected a whole number`);
}

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});
if (!values.out)
  throw new Error('--out DIR is missing: the folder to write pictures.u8, scenes.jsonl and vocabulary.json to');
writeScenes(values.out, wholeNumber('--count', values.count), wholeNumber('--seed', values.seed));
