import {
  type Arm,
  bet,
  BET_FRACTIONS,
  betsIn,
  type Betting,
  type BettingDesign,
  BOLD_WEIGHTS,
  FAR_TAIL_SHARE,
  FAR_TILTS,
  boundsOfStep,
  initialBetting,
  lnMeanWealth,
  movedOut,
  NARROWEST_HARM_WEIGHT,
  nestedRanges,
  normalQuantile,
  normalUpperQuantile,
  normalUpperTail,
  type ProofWeights,
  proofWeights,
  settleBets,
  TILTS,
  usualRange,
  widthFor,
} from '#libs/statistics';
import { type PlannedMetric, tailShareOf } from './planned-metric.js';

/** Points of equal probability that stand for a normal law. */
const GRID = 256;
/** The past whose mean the predictions rest on, once it is long: nothing moves it any more. */
const LONG_PAST = 1e12;

/** The boundaries one metric is tested at. */
export interface Boundaries {
  /** The guardrail's own margin, which a mean's bounds leave room for; the boundaries may be others. */
  readonly margin: number;
  readonly harmfulAt: readonly number[];
  /** Of the steps of a ramp; the last one is the proof of the margin itself. */
  readonly nonInferiorAt: readonly number[];
  /** Points of equal probability that stand for a normal law; fewer are quicker and give growth rates that are a percent off. Default 256. */
  readonly points?: number;
}

/** What one value of one variant adds to ln E, component by component (bets or tilts, test by test). */
export interface ArmLaw {
  readonly probabilities: Float64Array;
  /** Outcome by outcome. */
  readonly increments: readonly Float64Array[];
  /** Standard normal positions of the outcomes; null where they are few and not of a normal law. */
  readonly positions: Float64Array | null;
}

/** What one unit adds to the tests of one metric at one share. */
export interface UnitLaw {
  readonly share: number;
  readonly arms: Readonly<Record<Arm, ArmLaw>>;
  /** Components per test; harmful tests first, in the order of the boundaries. */
  readonly perTest: number;
  readonly tests: number;
  /** ln of the component's weight in its test's mixture, component by component. */
  readonly lnWeights: Float64Array;
}

/**
 * The law of one unit's contribution to every test: increments of the deciding e-processes themselves, at a centre that is no
 * longer moving. A simulation then adds up increments instead of folding values.
 */
export function unitLaw(metric: PlannedMetric, effect: number, share: number, boundaries: Boundaries): UnitLaw {
  switch (metric.kind) {
    case 'mean':
      return meanLaw(metric, effect, share, boundaries);
    case 'rate':
      return rateLaw(metric.rate, effect, share, boundaries);
    case 'relative-rate':
      return relativeRateLaw(metric.rate, effect, share, boundaries);
    case 'lower-tail':
      return lowerTailLaw(metric.tailShare, effect, share, boundaries);
    case 'upper-tail':
      return upperTailLaw(metric, effect, share, boundaries);
    default:
      return metric satisfies never;
  }
}

/** The largest boundary that is tested under a guardrail's margin: half of a bounded metric's range. */
export function largestMargin(metric: PlannedMetric, margin: number): number {
  switch (metric.kind) {
    case 'mean':
      return usualRange(metric, margin).hi - metric.mean;
    case 'rate':
      return 0.5;
    case 'relative-rate':
    case 'lower-tail':
    case 'upper-tail':
      return Infinity;
    default:
      return metric satisfies never;
  }
}

/** Expected growth of ln E per unit by the best bet of a test; at most 0 where the test can't come to reject. */
export function growthPerUnit({ share, arms, perTest }: UnitLaw, test: number): number {
  let best = -Infinity;
  for (let k = test * perTest; k < (test + 1) * perTest; k++) {
    best = Math.max(best, share * meanIncrement(arms.candidate, k) + (1 - share) * meanIncrement(arms.control, k));
  }
  return best;
}

function meanIncrement({ probabilities, increments }: ArmLaw, component: number): number {
  return probabilities.reduce((sum, p, outcome) => sum + p * (increments[outcome]?.[component] as number), 0);
}

function meanLaw(
  metric: Extract<PlannedMetric, { kind: 'mean' }>,
  effect: number,
  share: number,
  boundaries: Boundaries,
): UnitLaw {
  const { mean, spread, candidateSpread = spread } = metric;
  const { harmfulAt, nonInferiorAt } = boundaries;
  // As wide as the bounds come to be, and stay.
  const bounds = nestedRanges(metric, boundaries.margin).map(({ lo, hi, widening }) => {
    const wider = widthFor(widening, spread, candidateSpread);
    return { lo: movedOut(lo, mean, wider), hi: movedOut(hi, mean, wider) };
  });
  // Harm within the narrowest bounds alone: what the wider ones add is next to nothing where the values have no long tail.
  const designs = [{ ...(bounds[0] as (typeof bounds)[0]), harmfulAt, nonInferiorAt: [] as number[] }];
  let levelBefore = 0;
  nonInferiorAt.forEach((margin, at) => {
    const opened = at === nonInferiorAt.length - 1 ? 1 : boundaries.margin / margin;
    const level = boundsOfStep(opened, bounds.length);
    const last = designs.at(-1) as (typeof designs)[0];
    // Steps within the same bounds follow each other, and are bet on at once.
    if (level === levelBefore) last.nonInferiorAt.push(margin);
    else designs.push({ ...(bounds[level] as (typeof bounds)[0]), harmfulAt: [], nonInferiorAt: [margin] });
    levelBefore = level;
  });
  const { points = GRID } = boundaries;
  const positions = normalGrid(points);
  const probabilities = new Float64Array(points).fill(1 / points);
  const values = {
    control: positions.map((z) => mean + spread * z),
    candidate: positions.map((z) => mean - effect + candidateSpread * z),
  };
  return {
    share,
    ...bettingArms(designs, share, {
      values,
      probabilities: { control: probabilities, candidate: probabilities },
      positions,
    }),
    // As means are judged: harm by bold bets.
    lnWeights: Float64Array.from([
      ...harmfulAt.flatMap(() => BOLD_WEIGHTS.map((weight) => Math.log(weight * NARROWEST_HARM_WEIGHT))),
      ...proofLnWeights(nonInferiorAt.length, 'bets'),
    ]),
  };
}

function rateLaw(rate: number, effect: number, share: number, boundaries: Boundaries): UnitLaw {
  const { harmfulAt, nonInferiorAt } = boundaries;
  // A bad event is −1: higher is better.
  const design = { lo: -1, hi: 0, harmfulAt, nonInferiorAt };
  const values = Float64Array.of(0, -1);
  return {
    share,
    ...bettingArms([design], share, {
      values: { control: values, candidate: values },
      probabilities: { control: hitOrMiss(rate), candidate: hitOrMiss(rate + effect) },
      positions: null,
    }),
    lnWeights: Float64Array.from([
      ...equalLnWeights(harmfulAt.length, BET_FRACTIONS.length),
      ...proofLnWeights(nonInferiorAt.length, 'bets'),
    ]),
  };
}

/** @param designs whose tests follow each other: those of harm first. */
function bettingArms(
  designs: readonly BettingDesign[],
  share: number,
  {
    values,
    probabilities,
    positions,
  }: {
    readonly values: Readonly<Record<Arm, Float64Array>>;
    readonly probabilities: Readonly<Record<Arm, Float64Array>>;
    readonly positions: Float64Array | null;
  },
): Omit<UnitLaw, 'share' | 'lnWeights'> {
  const pasts = designs.map(
    (design) => (1 - share) * clippedMean('control', design) + share * clippedMean('candidate', design),
  );
  const armLaw = (arm: Arm): ArmLaw => ({
    probabilities: probabilities[arm],
    increments: [...values[arm]].map((value) =>
      Float64Array.from(
        designs.flatMap((design, at) => {
          const state: Betting = initialBetting(design);
          const past = pasts[at] as number;
          Object.assign(state, { n: LONG_PAST, nCandidate: LONG_PAST * share, sum: LONG_PAST * past });
          bet(state, design, arm, share, value);
          settleBets(state);
          return [...lnFactors(state.harmful), ...lnFactors(state.nonInferior)];
        }),
      ),
    ),
    positions,
  });
  return {
    arms: { control: armLaw('control'), candidate: armLaw('candidate') },
    perTest: BET_FRACTIONS.length,
    tests: designs.reduce((sum, { harmfulAt, nonInferiorAt }) => sum + harmfulAt.length + nonInferiorAt.length, 0),
  };

  function clippedMean(arm: Arm, { lo, hi }: BettingDesign): number {
    return values[arm].reduce(
      (sum, value, i) => sum + (probabilities[arm][i] as number) * Math.min(hi, Math.max(lo, value)),
      0,
    );
  }
}

function lnFactors(wealth: Betting['harmful']): number[] {
  return Array.from({ length: betsIn(wealth) }, (_, k) => lnMeanWealth(wealth, k, 1));
}

function relativeRateLaw(rate: number, effect: number, share: number, boundaries: Boundaries): UnitLaw {
  const tests = ratioTests(boundaries);
  const hit = (arm: Arm) => tests.flatMap((test) => tiltIncrements(arm, share, test));
  const armLaw = (arm: Arm, probability: number): ArmLaw => ({
    probabilities: hitOrMiss(probability),
    increments: [new Float64Array(tests.length * TILTS.length), Float64Array.from(hit(arm))],
    positions: null,
  });
  return {
    share,
    arms: { control: armLaw('control', rate), candidate: armLaw('candidate', rate * (1 + effect)) },
    perTest: TILTS.length,
    tests: tests.length,
    lnWeights: Float64Array.from([
      ...equalLnWeights(boundaries.harmfulAt.length, TILTS.length),
      ...proofLnWeights(boundaries.nonInferiorAt.length, 'tilts'),
    ]),
  };
}

/** Harm is looked for in the whole tail and at its far end, with weights of a half each; its absence in the whole tail alone. */
function lowerTailLaw(tailShare: number, effect: number, share: number, boundaries: Boundaries): UnitLaw {
  const tests = ratioTests(boundaries);
  const increments = (arm: Arm, isFar: boolean) =>
    Float64Array.from(
      tests.flatMap((test) => [
        ...tiltIncrements(arm, share, test),
        ...tiltIncrements(arm, share, test, FAR_TILTS).map((increment) => (isFar ? increment : 0)),
      ]),
    );
  const perTest = TILTS.length + FAR_TILTS.length;
  const armLaw = (arm: Arm, inTail: number): ArmLaw => ({
    probabilities: Float64Array.of(1 - inTail, (1 - FAR_TAIL_SHARE) * inTail, FAR_TAIL_SHARE * inTail),
    increments: [new Float64Array(tests.length * perTest), increments(arm, false), increments(arm, true)],
    positions: null,
  });
  const nowhere = FAR_TILTS.map(() => -Infinity);
  const lnWeights = [
    ...boundaries.harmfulAt.flatMap(() => [
      ...TILTS.map(() => Math.log(0.5 / TILTS.length)),
      ...FAR_TILTS.map(() => Math.log(0.5 / FAR_TILTS.length)),
    ]),
    ...boundaries.nonInferiorAt.flatMap((_, at, all) => [
      ...lnWeightsOfProof(at === all.length - 1, 'tilts'),
      ...nowhere,
    ]),
  ];
  return {
    share,
    arms: {
      control: armLaw('control', tailShare),
      candidate: armLaw('candidate', Math.min(1, tailShare * (1 + effect))),
    },
    perTest,
    tests: tests.length,
    lnWeights: Float64Array.from(lnWeights),
  };
}

function upperTailLaw(
  metric: Extract<PlannedMetric, { kind: 'upper-tail' }>,
  effect: number,
  share: number,
  boundaries: Boundaries,
): UnitLaw {
  const limit = normalUpperQuantile(tailShareOf(metric));
  const tests = [
    ...boundaries.harmfulAt.map((margin) => ({ margin, sign: 1 as const })),
    ...boundaries.nonInferiorAt.map((margin) => ({ margin, sign: -1 as const })),
  ].map((test) => ({
    ...test,
    // The margin is taken out of the candidate's value, so a larger one leaves fewer above the limit.
    probability: normalUpperTail(limit - (Math.log1p(effect) - Math.log1p(test.margin)) / metric.lnSpread),
  }));
  const increments = (arm: Arm, isAbove: (probability: number) => boolean) =>
    Float64Array.from(
      tests.flatMap(({ sign, probability }) =>
        isAbove(probability) ? tiltIncrements(arm, share, { boundary: 0, sign }) : TILTS.map(() => 0),
      ),
    );
  // A value that is above the limit after a larger margin is so after every smaller one: outcomes are nested.
  const levels = [...new Set(tests.map(({ probability }) => probability))].sort((x, y) => y - x);
  const outcomes = [1, ...levels];
  return {
    share,
    arms: {
      control: {
        probabilities: hitOrMiss(tailShareOf(metric)),
        increments: [increments('control', () => false), increments('control', () => true)],
        positions: null,
      },
      candidate: {
        probabilities: Float64Array.from(outcomes, (level, i) => level - (outcomes[i + 1] ?? 0)),
        increments: outcomes.map((level, i) => increments('candidate', (p) => i > 0 && p >= level)),
        positions: null,
      },
    },
    perTest: TILTS.length,
    tests: tests.length,
    lnWeights: Float64Array.from([
      ...equalLnWeights(boundaries.harmfulAt.length, TILTS.length),
      ...proofLnWeights(boundaries.nonInferiorAt.length, 'tilts'),
    ]),
  };
}

/** ln of the factors of an event at a boundary, one per tilt: β A − ln((1 − ρ + ρ e^{b + β})/(1 − ρ + ρ e^b)). */
function tiltIncrements(arm: Arm, share: number, { boundary, sign }: RatioTest, tilts = TILTS): number[] {
  return tilts.map((tilt) => {
    const beta = sign * tilt;
    const expected = Math.log1p(share * Math.expm1(boundary + beta)) - Math.log1p(share * Math.expm1(boundary));
    return (arm === 'candidate' ? beta : 0) - expected;
  });
}

interface RatioTest {
  /** ln of the ratio of rates that the test asks about. */
  readonly boundary: number;
  /** 1 where more than that is looked for, −1 where less is. */
  readonly sign: 1 | -1;
}

/** Tests of a ratio of rates: the harmful ones upwards, the others downwards. */
function ratioTests({ harmfulAt, nonInferiorAt }: Boundaries): readonly RatioTest[] {
  return [
    ...harmfulAt.map((margin) => ({ boundary: Math.log1p(margin), sign: 1 as const })),
    ...nonInferiorAt.map((margin) => ({ boundary: Math.log1p(margin), sign: -1 as const })),
  ];
}

function equalLnWeights(tests: number, perTest: number): Float64Array {
  return new Float64Array(tests * perTest).fill(-Math.log(perTest));
}

/** Of the proofs of a ramp's steps, the last of which is the margin's own. */
function proofLnWeights(proofs: number, of: keyof ProofWeights): number[] {
  return Array.from({ length: proofs }, (_, at) => lnWeightsOfProof(at === proofs - 1, of)).flat();
}

function lnWeightsOfProof(isWhole: boolean, of: keyof ProofWeights): number[] {
  // All steps short of everything weigh alike.
  return proofWeights(isWhole ? 1 : 0)[of].map((weight) => Math.log(weight));
}

function hitOrMiss(probability: number): Float64Array {
  const p = Math.min(1, Math.max(0, probability));
  return Float64Array.of(1 - p, p);
}

/** Middles of equally likely parts of a standard normal, scaled back to variance 1. */
function normalGrid(points: number): Float64Array {
  const grid = Float64Array.from({ length: points }, (_, i) => normalQuantile((i + 0.5) / points));
  const spread = Math.sqrt(grid.reduce((sum, z) => sum + z * z, 0) / points);
  return grid.map((z) => z / spread);
}
