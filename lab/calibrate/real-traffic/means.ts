import {
  betInClass,
  initialClassCentres,
  initialNestedBetting,
  lnENestedHarmful,
  lnENestedNonInferior,
  lnENestedSuperior,
  nestedBettingDesign,
  nestedRanges,
} from '#libs/statistics';
import type { SimulationRandom } from '#libs/testing/random';
import type { RealTrafficRow } from './row.js';

const MARGIN = 0.05;
const SPREAD = 0.3;
const BASELINE_UNITS = 200;
const THRESHOLD = Math.log(20);
const HOUR = 1_000;
const RAMP = [0.01, 0.05, 0.1, 0.25, 0.5];

/** A cost of mean 1 at one part of the run, 0 to 1; and the class of its prompt. */
interface Drawn {
  readonly value: number;
  readonly promptClass: number | null;
}

type Draw = (random: SimulationRandom, isWorse: boolean, request: number) => Drawn;

const noise = (random: SimulationRandom): number => Math.exp(SPREAD * random.normal() - SPREAD ** 2 / 2);

/** One picture in 200 of both variants costs ten times as much, of a worse candidate so many more that its mean is higher by the margin. */
const longTail: Draw = (random, isWorse) => {
  const rare = 0.005 + (isWorse ? MARGIN / 9 : 0);
  return { value: noise(random) * (random.uniform() < rare ? 10 : 1), promptClass: null };
};

/** Both variants swing by four standard deviations. */
const commonDrift: Draw = (random, isWorse, request) => ({
  value: noise(random) + 4 * SPREAD * Math.sin((2 * Math.PI * request) / 10_000) + (isWorse ? MARGIN : 0),
  promptClass: null,
});

/** Every hour has another mix of hard and easy prompts; a worse candidate is worse where they are hard, by the margin over all. */
const hourlyMixes: Draw = (random, isWorse, request) => {
  const isHard = random.uniform() < (Math.floor(request / HOUR) % 2 === 0 ? 0.2 : 0.8);
  return {
    value: noise(random) + (isHard ? 0.5 : -0.5) + (isWorse ? MARGIN : 0),
    promptClass: isHard ? 1 : 0,
  };
};

const situations: Readonly<Record<string, Draw>> = {
  'costs with a long tail': longTail,
  'a drift of both variants': commonDrift,
  'hourly mixes of prompts': hourlyMixes,
};

/** Means within nested bounds. Without an effect nothing may be harmful or superior at 0; at the margin neither proof is right. */
export const meansOfRealTraffic: readonly RealTrafficRow[] = Object.entries(situations).flatMap(([what, draw]) =>
  [false, true].flatMap((isWorse) =>
    (['50 %', 'a ramp 1 to 50 %'] as const).map((share): RealTrafficRow => {
      const at = (part: number): number =>
        share === '50 %' ? 0.5 : (RAMP[Math.min(RAMP.length - 1, Math.floor(part * RAMP.length))] as number);
      return {
        name: `${what}, ${share}, ${isWorse ? 'at the margin' : 'no effect'}`,
        run: (requests, random) => play({ draw, isWorse, shareAt: (n) => at(n / requests) }, requests, random),
      };
    }),
  ),
);

interface Plan {
  readonly draw: Draw;
  readonly isWorse: boolean;
  readonly shareAt: (request: number) => number;
}

function play(
  { draw, isWorse, shareAt }: Plan,
  requests: number,
  random: SimulationRandom,
): Readonly<Record<string, boolean>> {
  const past = Array.from({ length: BASELINE_UNITS }, () => draw(random, false, 0).value);
  const mean = past.reduce((sum, value) => sum + value, 0) / past.length;
  const spread = Math.sqrt(past.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (past.length - 1));
  // Less is better.
  const design = nestedBettingDesign(nestedRanges({ mean: -mean, spread }, MARGIN), {
    harmfulAt: isWorse ? MARGIN : 0,
    steps: [{ share: 1, margin: MARGIN }],
  });
  const state = initialNestedBetting(design);
  const classes = initialClassCentres(2);
  let [harmful, other] = [false, false];
  for (let request = 0; request < requests; request++) {
    const share = shareAt(request);
    const arm = random.uniform() < share ? 'candidate' : 'control';
    const { value, promptClass } = draw(random, isWorse && arm === 'candidate', request);
    betInClass(state, design, arm, share, -value, classes, promptClass);
    harmful ||= lnENestedHarmful(state) >= THRESHOLD;
    other ||= (isWorse ? lnENestedNonInferior(state, design, 0) : lnENestedSuperior(state, design)) >= THRESHOLD;
  }
  return { 'mean: harmful': harmful, [isWorse ? 'mean: non-inferior' : 'mean: superior']: other };
}
