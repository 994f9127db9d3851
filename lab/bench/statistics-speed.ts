/**
 * What one observation costs each method that decides, whether the cost stays flat, and how large a metric's state is.
 *
 *   npm run bench:statistics -- [events=1e7] [--before FOLDER]
 *
 * `--before`: a checkout that `npm run build:lab` was run in, with which every figure is compared.
 */
import {
  addToSketch,
  type Arm,
  bet,
  betNested,
  type BettingDesign,
  hit,
  initialBetting,
  initialMeanDifference,
  initialMoments,
  initialNestedBetting,
  initialScoredTilt,
  initialSketch,
  initialTilt,
  nestedBettingDesign,
  nestedRanges,
  observeMean,
  observeMoments,
  observeScore,
  usualRange,
} from '#libs/statistics';
import { asked, printBesideBefore } from './beside-before.js';

const request = asked();
const [events = 1e7] = request.numbers;
const PARTS = 5;

/** Drawn beforehand, so that what is measured is the method. */
const DRAWN = 2 ** 16;
const arms: Arm[] = [];
const values = new Float64Array(DRAWN);
/** The shares of a ramp, one after the other. */
const SHARES = [0.01, 0.05, 0.1, 0.25, 0.5];
for (let index = 0; index < DRAWN; index++) {
  arms.push(Math.random() < 0.1 ? 'candidate' : 'control');
  values[index] = 0.3 + 0.1 * (Math.random() + Math.random() + Math.random() - 1.5);
}

interface Measured {
  readonly name: string;
  readonly update: (arm: Arm, propensity: number, value: number) => unknown;
  readonly state: unknown;
}

function betting(name: string, margins: number): Measured {
  const nonInferiorAt = Array.from({ length: margins - 1 }, (_, index) => 0.01 * index);
  const design: BettingDesign = { ...usualRange({ mean: 0.3, spread: 0.05 }, 0.01), harmfulAt: [0.01], nonInferiorAt };
  const state = initialBetting(design);
  return { name, state, update: (arm, propensity, value) => bet(state, design, arm, propensity, value) };
}

/** As means ship: three bounds, harm in each, six steps of a ramp, the margin and "better". */
function nested(): Measured {
  const steps = [0.02, 0.05, 0.1, 0.2, 0.5, 1].map((share) => ({ share, margin: 0.01 / share }));
  const design = nestedBettingDesign(nestedRanges({ mean: 0.3, spread: 0.05 }, 0.01), { harmfulAt: 0.01, steps });
  const state = initialNestedBetting(design);
  return {
    name: 'betting within nested bounds, a ramp',
    state,
    update: (arm, propensity, value) => betNested(state, design, arm, propensity, value),
  };
}

function methods(): Measured[] {
  const tilt = initialTilt();
  const scored = initialScoredTilt();
  const sketch = initialSketch();
  const means = initialMeanDifference();
  const moments = initialMoments();
  return [
    betting('betting, 1 margin', 1),
    betting('betting, 9 margins of a ramp', 9),
    nested(),
    { name: 'tilt of events', state: tilt, update: (arm, propensity) => hit(tilt, arm, propensity) },
    {
      name: 'tilt of scores',
      state: scored,
      update: (arm, propensity, value) => observeScore(scored, arm, propensity, 2 * value - 1),
    },
    { name: 'quantile sketch', state: sketch, update: (_arm, _propensity, value) => addToSketch(sketch, value) },
    { name: 'moments', state: moments, update: (_arm, _propensity, value) => observeMoments(moments, value) },
    {
      name: 'mean difference, by stage',
      state: means,
      update: (arm, propensity, value) => observeMean(means, arm, propensity, value),
    },
  ];
}

/** Nanoseconds of an update, for each fifth of the events: of the processor's time, which a busy machine does not stretch. */
function measure({ update }: Measured): number[] {
  const nanoseconds: number[] = [];
  for (let part = 0; part < PARTS; part++) {
    const propensity = SHARES[part] as number;
    const each = Math.floor(events / PARTS);
    const before = process.cpuUsage();
    for (let i = 0; i < each; i++) {
      const index = i & (DRAWN - 1);
      update(arms[index] as Arm, propensity, values[index] as number);
    }
    const { user, system } = process.cpuUsage(before);
    nanoseconds.push(((user + system) * 1_000) / each);
  }
  return nanoseconds;
}

/** Doubles and counts, eight bytes each. */
function bytesOf(state: unknown): number {
  if (typeof state === 'number') return 8;
  if (state instanceof Float64Array) return state.byteLength;
  if (state instanceof Map) return [...state].reduce((sum: number, [, value]) => sum + 8 + bytesOf(value), 0);
  if (state !== null && typeof state === 'object')
    return Object.values(state).reduce((sum: number, value) => sum + bytesOf(value), 0);
  return 0;
}

function printAll(): void {
  // Once for the compiler, then what counts.
  for (const measured of methods()) for (let i = 0; i < 20_000; i++) measured.update('control', 0.5, 0.3);
  console.log(`${events} events per method, one thread`);
  for (const measured of methods()) {
    const parts = measure(measured);
    const mean = parts.reduce((sum, part) => sum + part, 0) / parts.length;
    console.log(
      `${measured.name}: ${(1_000 / mean).toFixed(1)} M updates/s, ${mean.toFixed(0)} ns each ` +
        `(by fifths ${parts.map((part) => part.toFixed(0)).join(', ')}), ${bytesOf(measured.state)} bytes of state`,
    );
  }
}

if (request.before === undefined) printAll();
else printBesideBefore(import.meta.url, request);
