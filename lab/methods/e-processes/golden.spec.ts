import golden from '../../../libs/testing/golden/e_processes.json' with { type: 'json' };
import {
  type Arm,
  bet,
  type Betting,
  type BettingDesign,
  bettingInterval,
  bettingIntervalDesign,
  betPaired,
  FAR_TILTS,
  hit,
  initialBetting,
  initialPairedBetting,
  initialScoredTilt,
  initialTilt,
  lnEDifferent,
  lnEHarmful,
  lnELessOften,
  lnEMoreOften,
  lnENonInferior,
  lnEPairedEqual,
  lnEPairedHarmful,
  lnEPairedLessOften,
  lnEPairedMoreOften,
  lnEPairedNonInferior,
  lnESampleRatio,
  lnEShift,
  lnETailMoreOften,
  lnRateRatio,
  lnRateRatioBound,
  lnRateRatioInterval,
  observeScore,
  type PairedDesign,
  type Tilt,
  usualRange,
} from '#libs/statistics';
import { describeGolden } from '#libs/testing/figures';
import { lnEBernoulli } from './bernoulli-mixture.js';
import { lnEEventCounts } from './event-counts.js';
import { lnENormalMixture } from './normal-mixture-ratio.js';

type Ramp = readonly (readonly [propensity: number, observations: number])[];
type Bounds = readonly [lo: number, hi: number];

/** Ours as the numbers another implementation gave, in its order. */
const ours: Readonly<Record<string, (...args: never[]) => readonly (number | null | undefined)[]>> = {
  tilt: (arms: string, ramp: Ramp, boundary: number) => {
    const state = tiltOf(arms, ramp);
    return [lnEMoreOften(state, boundary), lnELessOften(state, boundary), lnEDifferent(state, boundary)];
  },
  'nested tails': (arms: string, ramp: Ramp, every: number, boundary: number) => {
    const far = initialTilt();
    observations(arms, ramp).forEach(({ arm, propensity }, index) => {
      if (index % every === 0) hit(far, arm, propensity);
    });
    return [lnETailMoreOften(tiltOf(arms, ramp), far, boundary)];
  },
  lnRateRatio: (arms: string, ramp: Ramp) => [lnRateRatio(tiltOf(arms, ramp))],
  lnRateRatioInterval: (arms: string, ramp: Ramp, alpha: number) => {
    const interval = lnRateRatioInterval(tiltOf(arms, ramp), alpha);
    return [interval?.low, interval?.high];
  },
  lnRateRatioBound: (arms: string, ramp: Ramp, alpha: number) => {
    const state = tiltOf(arms, ramp);
    return [lnRateRatioBound(state, 'lower', alpha), lnRateRatioBound(state, 'upper', alpha)];
  },
  'scored tilt': (arms: string, ramp: Ramp, scores: number[], looks: number[]) => {
    const state = initialScoredTilt();
    const seen = observedAt(looks, observations(arms, ramp), ({ arm, propensity }, index) => {
      observeScore(state, arm, propensity, scores[index] as number);
      return [lnEShift(state, 'higher'), lnEShift(state, 'either')] as const;
    });
    return [...seen.map(([higher]) => higher), ...seen.map(([, either]) => either)];
  },
  betting: (...args: [string, Ramp, number[], Bounds, number[], number, number[]]) => {
    const [arms, ramp, values, [lo, hi], margins, expected, looks] = args;
    const design: BettingDesign = { lo, hi, expected, harmfulAt: margins, nonInferiorAt: margins };
    const state = initialBetting(design);
    return observedAt(looks, observations(arms, ramp), ({ arm, propensity }, index) => {
      bet(state, design, arm, propensity, values[index] as number);
      return [
        ...margins.map((_, margin) => lnEHarmful(state, margin)),
        ...margins.map((_, margin) => lnENonInferior(state, margin)),
      ];
    }).flat();
  },
  'betting interval': (...args: [string, Ramp, number[], Bounds, number[], number]) => {
    const [arms, ramp, values, [lo, hi], effects, alpha] = args;
    const design = bettingIntervalDesign({ lo, hi }, effects);
    const { low, high } = bettingInterval(bettingOf(design, arms, ramp, values), design, alpha);
    return [low, high];
  },
  'betting, bounds that follow': (
    ...args: [
      string,
      Ramp,
      number[],
      [mean: number, spread: number, reach: number, atMost: number],
      number[],
      number[],
      number[],
    ]
  ) => {
    const [arms, ramp, values, [mean, spread, reach, atMost], margins, weights, looks] = args;
    const usual = usualRange({ mean, spread }, 0, { spreads: reach });
    const { lo, hi, expected } = usual;
    const range = { lo, hi, expected, widening: { spread, atMost } };
    const design: BettingDesign = { ...range, harmfulAt: margins, nonInferiorAt: margins };
    const state = initialBetting(design);
    return observedAt(looks, observations(arms, ramp), ({ arm, propensity }, index) => {
      bet(state, design, arm, propensity, values[index] as number);
      return [
        ...margins.map((_, margin) => lnEHarmful(state, margin, weights)),
        ...margins.map((_, margin) => lnENonInferior(state, margin, weights)),
      ];
    }).flat();
  },
  'paired betting, a limit that follows': (...args: [number[], number, number, number[], number[]]) => {
    const [differences, largestDifference, usualSpread, margins, looks] = args;
    return pairedAt(looks, differences, { largestDifference, usualSpread, harmfulAt: margins, nonInferiorAt: margins });
  },
  'paired betting': (differences: number[], largestDifference: number, margins: number[], looks: number[]) => {
    return pairedAt(looks, differences, { largestDifference, harmfulAt: margins, nonInferiorAt: margins });
  },
  'paired tilt': (...[candidateOnly, controlOnly, both, boundary]: [number, number, number, number]) => {
    const state = { candidateOnly, controlOnly, both };
    return [
      lnEPairedMoreOften(state, boundary),
      lnEPairedLessOften(state, boundary),
      lnEPairedMoreOften(state, boundary, FAR_TILTS),
      lnEPairedEqual(state, boundary),
    ];
  },
  lnEBernoulli: (...[successes, n, rate, trials, alpha]: [number, number, number, number, number]) => [
    lnEBernoulli(successes, n, rate, { trials, alpha }),
  ],
  lnESampleRatio: (counts: number[], shares: number[], concentration: number) => [
    lnESampleRatio(counts, shares, concentration),
  ],
  lnEEventCounts: (...[control, candidate, share, concentration]: [number, number, number, number]) => [
    lnEEventCounts(control, candidate, share, concentration),
  ],
  lnENormalMixture: (...[perVariant, difference, sigma, tau]: [number, number, number, number]) => [
    lnENormalMixture(perVariant, difference, { sigma, tau }),
  ],
};

/** Relative, and absolute below 1. */
const TOLERANCE = 1e-9;

describeGolden('e-processes', golden.values, ours, (wanted) => TOLERANCE * Math.max(1, Math.abs(wanted)));

function tiltOf(arms: string, ramp: Ramp): Tilt {
  const state = initialTilt();
  for (const { arm, propensity } of observations(arms, ramp)) hit(state, arm, propensity);
  return state;
}

function pairedAt(looks: readonly number[], differences: readonly number[], design: PairedDesign): number[] {
  const state = initialPairedBetting(design);
  return observedAt(looks, differences, (difference) => {
    betPaired(state, design, difference);
    return [
      ...design.harmfulAt.map((_, margin) => lnEPairedHarmful(state, margin)),
      ...design.nonInferiorAt.map((_, margin) => lnEPairedNonInferior(state, margin)),
    ];
  }).flat();
}

function bettingOf(design: BettingDesign, arms: string, ramp: Ramp, values: readonly number[]): Betting {
  const state = initialBetting(design);
  observations(arms, ramp).forEach(({ arm, propensity }, index) =>
    bet(state, design, arm, propensity, values[index] as number),
  );
  return state;
}

/** What a fold gives after each of the looks, counted from 1. */
function observedAt<Observation, Seen>(
  looks: readonly number[],
  course: readonly Observation[],
  fold: (observation: Observation, index: number) => Seen,
): Seen[] {
  return course.map(fold).filter((_, index) => looks.includes(index + 1));
}

function observations(arms: string, ramp: Ramp): { arm: Arm; propensity: number }[] {
  const propensities = ramp.flatMap(([propensity, count]) => Array.from({ length: count }, () => propensity));
  return [...arms].map((flag, index) => ({
    arm: flag === '1' ? 'candidate' : 'control',
    propensity: propensities[index] as number,
  }));
}
