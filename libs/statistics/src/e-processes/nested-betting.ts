import type { Arm } from '../arm.js';
import { logSumExp } from '../distributions/log-space.js';
import {
  betWithin,
  type Betting,
  type BettingDesign,
  centreOf,
  type Clipped,
  initialBetting,
  lnEHarmful,
  lnENonInferior,
  mergeBetting,
} from './betting.js';
import { BOLD_WEIGHTS } from './bets.js';
import { type ClassCentres, type ClassPrediction, NO_CLASS, observeClass, predictClass } from './class-centres.js';
import { designOfOneShape } from './design-shape.js';
import { proofWeights } from './proof-weights.js';
import { type Reach, USUAL_REACH, type UsualRange, usualRange } from './usual-range.js';

/**
 * How far nested bounds reach, as multiples of the narrowest: 3.6, 12 and 40 standard deviations; and how many times as far each goes where
 * a variant spreads further. One picture in 200 that costs 30 times as much lies 200 standard deviations out, and makes the spread 14 times.
 */
const NESTED: readonly { readonly times: number; readonly atMost: number }[] = [
  { times: 1, atMost: 3 },
  { times: 10 / 3, atMost: 3 },
  { times: 100 / 9, atMost: 10 },
];

/** Weights of the bounds in the evidence of harm, narrowest first. Most harm shows within the narrowest, at the highest stakes. */
const HARM_WEIGHTS: readonly number[] = [0.92, 0.04, 0.04];
export const NARROWEST_HARM_WEIGHT = HARM_WEIGHTS[0] as number;

/** From this share of the traffic on a step has to be proven within the middle bounds. */
const MIDDLE_FROM = 0.5;

/**
 * Betting for the difference of two means within several bounds at once, narrowest first, so that it neither clips what matters nor stakes
 * next to nothing because of what hardly ever happens.
 *
 * Narrow bounds find most harm soonest, but compare means of which the long tail is cut off: a candidate of which one picture in 200
 * costs thirty times as much is no worse within them. So harm is looked for within all of them (the weighted mean of e-values of one
 * filtration is one, whatever their dependence: Vovk & Wang, Ann. Statist. 49, 2021); a step to a small share of the traffic, which excludes
 * margin ÷ share, may be proven within the narrow ones; the margin itself, and "better", within the widest.
 *
 * Assumptions as of {@link Betting}, within each bounds.
 */
export interface NestedBetting {
  readonly levels: readonly Betting[];
  /** Σ|value| of what was bet on. */
  readonly total: Record<Arm, number>;
}

/** What is tested, in the unit of the values; higher is better. */
export interface NestedTests {
  readonly harmfulAt: number;
  /** Margins of non-inferiority by the share of the traffic they open, rising; the last one is the margin itself, at 1. */
  readonly steps: readonly { readonly share: number; readonly margin: number }[];
  /** Margins tested both ways for an interval, within the widest bounds. */
  readonly grid?: readonly number[];
}

export interface NestedBettingDesign {
  /** Narrowest first; a metric of natural bounds has but one. */
  readonly levels: readonly BettingDesign[];
  /** Where each step is tested, and at what margin: at most half of its bounds' range. */
  readonly steps: readonly {
    readonly share: number;
    readonly level: number;
    readonly index: number;
    readonly margin: number;
  }[];
  /** Where "better at all" is tested, within the widest bounds. */
  readonly superiorIndex: number;
  /** Whether the levels differ in nothing but how far their bounds reach: what is expected and what is usual is the same in all. */
  readonly isAlike: boolean;
}

type Bounds = Omit<BettingDesign, 'harmfulAt' | 'nonInferiorAt'>;

/** @param bounds narrowest first, see {@link nestedRanges}. */
export function nestedBettingDesign(bounds: readonly Bounds[], tests: NestedTests): NestedBettingDesign {
  const nonInferiorAt: number[][] = bounds.map(() => []);
  const steps = tests.steps.map(({ share, margin }) => {
    const level = boundsOfStep(share, bounds.length);
    const { lo, hi } = bounds[level] as Bounds;
    const cut = Math.min((hi - lo) / 2, margin);
    const index = (nonInferiorAt[level] as number[]).push(cut) - 1;
    return { share, level, index, margin: cut };
  });
  const grid = tests.grid ?? [];
  const widest = nonInferiorAt.at(-1) as number[];
  const superiorIndex = widest.push(0, ...grid) - 1 - grid.length;
  const levels = bounds.map((bound, level) =>
    designOfOneShape({
      ...bound,
      harmfulAt: [tests.harmfulAt, ...(level === bounds.length - 1 ? grid : [])],
      nonInferiorAt: nonInferiorAt[level] as number[],
    }),
  );
  return { levels, steps, superiorIndex, isAlike: bounds.every((bound) => isAlike(bound, bounds[0] as Bounds)) };
}

function isAlike(a: Bounds, b: Bounds): boolean {
  return (
    a.expected !== undefined &&
    a.expected === b.expected &&
    a.widening?.spread === b.widening?.spread &&
    a.recent?.memory === b.recent?.memory &&
    a.recent?.movesBounds === b.recent?.movesBounds
  );
}

/** For bounds of which only the number is known yet: tests as many as the design will have. */
export function unboundedDesign(levels: number, tests: NestedTests): NestedBettingDesign {
  return nestedBettingDesign(
    Array.from({ length: levels }, () => ({ lo: -Infinity, hi: Infinity })),
    tests,
  );
}

/** Bounds around a usual mean, narrowest first. @param least as of {@link usualRange}. @param reach of the narrowest. */
export function nestedRanges(
  usual: { readonly mean: number; readonly spread: number },
  least: number,
  { spreads = USUAL_REACH, limits }: Pick<Reach, 'spreads' | 'limits'> = {},
): readonly UsualRange[] {
  return NESTED.map(({ times, atMost }) =>
    usualRange(usual, least, { spreads: spreads * times, atMost, ...(limits ? { limits } : {}) }),
  );
}

/** How many standard deviations out the widest bounds are at their widest. */
export const WIDEST_REACH = USUAL_REACH * Math.max(...NESTED.map(({ times, atMost }) => times * atMost));

/** How many nested bounds a mean has that has no natural ones. */
export const NESTED_BOUNDS = NESTED.length;

/** Within which of the nested bounds the step to a share of the traffic is proven. */
export function boundsOfStep(share: number, levels: number): number {
  if (share >= 1) return levels - 1;
  return share >= MIDDLE_FROM ? Math.min(1, levels - 1) : 0;
}

export function initialNestedBetting({ levels }: Pick<NestedBettingDesign, 'levels'>): NestedBetting {
  return { levels: levels.map(initialBetting), total: { control: 0, candidate: 0 } };
}

/**
 * Folds one value in, in place, as `bet` does. Many parameters because that has them.
 * @param around where the value's class lets expect it, beside the recent mean.
 * @returns whether it was used.
 */
export function betNested(
  state: NestedBetting,
  design: NestedBettingDesign,
  arm: Arm,
  propensity: number,
  value: number,
  around: ClassPrediction = NO_CLASS,
): boolean {
  const isUsed = betWithin(state.levels, design, arm, propensity, value, around);
  if (!isUsed || !Number.isFinite(value)) return isUsed;
  if (arm === 'candidate') state.total.candidate += Math.abs(value);
  else state.total.control += Math.abs(value);
  return true;
}

/**
 * The same for a value of a class, which it is predicted by and then added to. Without a class it is `betNested`.
 * Many parameters because `bet` has them.
 */
export function betInClass(
  state: NestedBetting,
  design: NestedBettingDesign,
  arm: Arm,
  propensity: number,
  value: number,
  classes: ClassCentres,
  of: number | null,
): boolean {
  const narrowest = state.levels[0];
  if (of === null || narrowest === undefined) return betNested(state, design, arm, propensity, value);
  const bounds = design.levels[0] as BettingDesign;
  const centre = centreOf(narrowest, bounds);
  const isUsed = betNested(state, design, arm, propensity, value, predictClass(classes, of));
  // What lies far out is no more than far out: one value must not carry its class away.
  const reach = (bounds.hi - bounds.lo) / 2;
  if (isUsed) observeClass(classes, of, Math.min(reach, Math.max(-reach, value - centre)));
  return isUsed;
}

/** ln E of "worse by more than the first margin of harm", by all bounds together. */
export function lnENestedHarmful({ levels }: NestedBetting): number {
  const lnEs = levels.map((level) => lnEHarmful(level, 0, BOLD_WEIGHTS));
  if (lnEs.length === 1) return lnEs[0] as number;
  return logSumExp(lnEs.map((lnE, level) => lnE + Math.log(HARM_WEIGHTS[level] as number)));
}

/** ln E of "not worse by the margin of the step": reject "worse by that or more". @param step an index among the design's. */
export function lnENestedNonInferior({ levels }: NestedBetting, { steps }: NestedBettingDesign, step: number): number {
  const { level, index, share } = steps[step] as NestedBettingDesign['steps'][number];
  return lnENonInferior(levels[level] as Betting, index, proofWeights(share).bets);
}

/** ln E of "better at all", within the widest bounds. */
export function lnENestedSuperior({ levels }: NestedBetting, { superiorIndex }: NestedBettingDesign): number {
  return lnENonInferior(levels.at(-1) as Betting, superiorIndex, BOLD_WEIGHTS);
}

/** What lies beyond one of the nested bounds, of either variant. */
export interface ClippedShare {
  /** Share of the values beyond the bounds. */
  readonly values: number;
  /** Share of Σ|value| beyond them. */
  readonly sum: number;
  /** What the bounds take from the mean, in the unit of the values: mean(value − clipped value); but for the value furthest out. */
  readonly mean: number;
  /** Share of Σ|value| that the value furthest out has beyond them, all by itself. */
  readonly furthest: number;
}

/** Shares of what each of the bounds cuts off, narrowest first; null of a variant without values. */
export function clippedShares({ levels, total }: NestedBetting): readonly Record<Arm, ClippedShare | null>[] {
  return levels.map(({ n, nCandidate, clipped }) => ({
    control: shareOf(clipped.control, n - nCandidate, total.control),
    candidate: shareOf(clipped.candidate, nCandidate, total.candidate),
  }));
}

function shareOf({ values, sum, size, furthest }: Clipped, n: number, total: number): ClippedShare | null {
  if (n === 0) return null;
  const ofTotal = (part: number): number => (total > 0 ? Math.min(1, part / total) : 0);
  return {
    values: values / n,
    sum: ofTotal(size),
    // A sum that its largest term has swallowed leaves rounding errors of that one's size.
    mean: values < 2 ? 0 : (sum - furthest) / n,
    furthest: ofTotal(Math.abs(furthest)),
  };
}

/**
 * How much worse the candidate's mean is than control's within the widest bounds at their widest, beside what both drift by: a plain estimate that
 * one value moves by no more than those bounds. Null where bounds are fixed, or without values of both.
 * @param before control's values that were not bet on, because they say where the bounds are: how many, and how far their mean lies from what
 *   was usual of them. Their level is left out: both variants may have left it since.
 */
export function lossWithinWidest(
  { levels }: NestedBetting,
  before: { readonly n: number; readonly excess: number },
): number | null {
  const past = levels.at(-1)?.past;
  if (!past || past.control.n === 0 || past.candidate.n === 0) return null;
  const { n, mean } = past.control;
  return mean + (before.n * before.excess) / (n + before.n) - past.candidate.mean;
}

/** The evidence of two disjoint parts of the traffic. */
export function mergeNestedBetting(a: NestedBetting, b: NestedBetting): NestedBetting {
  return {
    levels: a.levels.map((level, index) => mergeBetting(level, b.levels[index] as Betting)),
    total: {
      control: a.total.control + b.total.control,
      candidate: a.total.candidate + b.total.candidate,
    },
  };
}
