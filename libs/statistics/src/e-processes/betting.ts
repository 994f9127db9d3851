import { type Arm, isRandomised } from '../arm.js';
import { initialMoments, mergeMoments, type Moments, observeMoments } from '../summaries/moments.js';
import { initialBets, lnEOfBets, placeEveryBet, placeTwoRounds, testsOf } from './bets.js';
import { type ClassPrediction, NO_CLASS } from './class-centres.js';
import { largerSpread } from './past-spread.js';
import { mergeWealth, type Wealth } from './wealth.js';
import { movedOut, type Widening } from './widening.js';

/** Until so many values have been seen their mean is no useful prediction. */
const PREDICTION_FROM = 20;

/**
 * What is tested. Higher values are better; negate a metric of which less is better, its bounds included.
 *
 * `lo`, `hi`: values are clipped to this range, the same way for both variants; what is compared are the clipped means.
 * `harmfulAt`, `nonInferiorAt`: margins in the unit of the values, see {@link Betting}. A negative margin −d asks for more than
 * no loss: non-inferior at −d is "better by more than d".
 */
export interface BettingDesign {
  readonly lo: number;
  readonly hi: number;
  readonly harmfulAt: readonly number[];
  readonly nonInferiorAt: readonly number[];
  /** What a value is expected to be before there is a past, within the bounds. Default: the middle of the range. */
  readonly expected?: number;
  /**
   * Nothing is bet before there is a past, where the usual value may be at either end of the range: bets around the wrong end lose nearly everything
   * on the first values, for good.
   */
  readonly awaitsPast?: boolean;
  /**
   * Bounds that follow the spread: `lo` and `hi` are right for values of this standard deviation. Where the past of either variant
   * spreads further, they move away from `expected` in proportion, `atMost` so many times as far. Absent: the bounds stay.
   */
  readonly widening?: Widening;
  /**
   * What follows the recent past, so that a drift that both variants share costs nothing. Absent: the centre is the mean of everything so
   * far, and the bounds stay where they are.
   */
  readonly recent?: {
    /** The recent mean weighs the newest value by 1 ÷ this. */
    readonly memory: number;
    /** Whether the bounds move with the recent mean as well: values that have drifted out of them would all be clipped to the same. */
    readonly movesBounds: boolean;
  };
  /** Where values lie whatever happens; bounds that widen or move stop there. */
  readonly limits?: { readonly lo: number; readonly hi: number };
}

/**
 * Betting e-processes for the difference of two means, at several margins at once.
 *
 * Per margin m two one-sided tests, each valid however often it is looked at:
 * harmful tests "candidate's mean ≥ control's − m", non-inferior tests "candidate's mean ≤ control's − m" (superior: m = 0).
 * With y = x + m·A, a centre c predicted from the past and z = y − c, the doubly robust value φ = z/ρ for the candidate and
 * −z/(1 − ρ) for control has mean (μ_T + m) − μ_C whatever c is, so Π(1 − λφ) and Π(1 + λφ) are e-processes.
 *
 * Source: Waudby-Smith & Ramdas, JRSS-B 86 (2024), §4; doubly robust values under a known propensity: Waudby-Smith, Wu,
 * Ramdas, Karampatziakis, Mineiro, arXiv 2210.10768.
 * Assumptions: the propensity is the true one, one value per randomised unit, values clipped to bounds that are fixed or follow
 * from the past; under the null the clipped means are on its side at every bound that comes to be used.
 *
 * State: one product per margin and bet fraction, and the past of the centre. Products multiply and sums add, so states of
 * disjoint parts of the traffic can be merged: each part predicts from its own past, which keeps every factor's expectation
 * ≤ 1 given everything seen before, in any interleaving of the parts.
 */
export interface Betting {
  /** Observations that were folded in, both variants. */
  n: number;
  nCandidate: number;
  /** Sum of the clipped values, both variants. */
  sum: number;
  /** Mean of the recent clipped values of both variants, where the design follows it. */
  recent: number;
  /** What the bounds cut off. */
  readonly clipped: Readonly<Record<Arm, Clipped>>;
  /** How the values of either variant spread, where the design widens its bounds; clipped to the widest ones. */
  readonly past: Readonly<Record<Arm, Moments>>;
  /** Product of the factors, margin by margin, fraction by fraction within. */
  readonly harmful: Wealth;
  readonly nonInferior: Wealth;
  /**
   * What the bets on the newest value win, test by test, where they have not been placed yet: two rounds at once cost little more than one. Whoever
   * reads the products {@link settleBets settles} first.
   */
  readonly held: Float64Array;
  isHolding: boolean;
}

/** Values beyond the bounds: how many, and Σ(value − bound), with and without its sign. Infinite ones are counted only. */
export interface Clipped {
  values: number;
  sum: number;
  size: number;
  /** Of the sum what the value that lies furthest out adds to it. */
  furthest: number;
}

export function initialBetting(design: Pick<BettingDesign, 'harmfulAt' | 'nonInferiorAt'>): Betting {
  return {
    n: 0,
    nCandidate: 0,
    sum: 0,
    recent: 0,
    clipped: { control: initialClipped(), candidate: initialClipped() },
    past: { control: initialMoments(), candidate: initialMoments() },
    harmful: initialBets(design.harmfulAt.length),
    nonInferior: initialBets(design.nonInferiorAt.length),
    held: new Float64Array(design.harmfulAt.length + design.nonInferiorAt.length),
    isHolding: false,
  };
}

/** All bets on the values so far are in these products. */
export function nothingHeld({
  harmful,
  nonInferior,
}: Pick<Betting, 'harmful' | 'nonInferior'>): Pick<Betting, 'held' | 'isHolding'> {
  return { held: new Float64Array(testsOf(harmful) + testsOf(nonInferior)), isHolding: false };
}

/** Places the bets that were held back, in place. What they make of the products does not depend on when. */
export function settleBets(state: Betting): void {
  if (!state.isHolding) return;
  const { held, harmful, nonInferior } = state;
  const harms = testsOf(harmful);
  placeEveryBet(held, harmful, 0, harms, nonInferior, held.length - harms);
  held.fill(0);
  state.isHolding = false;
}

/**
 * Folds one value in, in place. Values without a number and assignments that were not random (propensity 0 or 1) are skipped.
 * Infinite values are clipped like all others. O(margins × fractions), without a logarithm.
 *
 * Many parameters because it is called per event and metric, and is to allocate nothing there; `npm run bench:statistics` measures it.
 *
 * @returns whether the value was used.
 */
export function bet(state: Betting, design: BettingDesign, arm: Arm, propensity: number, value: number): boolean {
  return betAround(state, design, arm, propensity, value, NO_CLASS);
}

/**
 * The same around a prediction of one's own of the value in either variant, made from the past and from what was known of this
 * unit before it was assigned. The better it is, the smaller is the variance and the sooner the test ends; however bad it
 * is, it cancels in the mean of the doubly robust value. Many parameters because {@link bet} has them, and calls this per event.
 *
 * @param around where the value is predicted, from {@link centreOf} on; is moved into [lowest, highest], between which predictions may lie:
 *   those **from the past alone, not from this unit**. They set how much is bet. A stake that followed the unit would weigh units by what is
 *   known of them, and test a weighted mean of their effects.
 */
export function betAround(
  state: Betting,
  design: BettingDesign,
  arm: Arm,
  propensity: number,
  value: number,
  around: ClassPrediction,
): boolean {
  ONE_LEVEL[0] = state;
  ONE_DESIGN.levels[0] = design;
  return betWithin(ONE_LEVEL, ONE_DESIGN, arm, propensity, value, around);
}

const ONE_LEVEL: Betting[] = [];
const ONE_DESIGN: { readonly levels: BettingDesign[]; readonly isAlike: boolean } = { levels: [], isAlike: false };

/**
 * The same within several bounds, narrowest first. Where the designs are alike, which differ in their bounds and margins only, the levels have the
 * same past until one of them clips a value: what is expected next is then found once for all of them, and so is what the value makes of it.
 *
 * Long because a number that is handed from one function to another is an object of its own where the compiler keeps them apart: half
 * of the cost of an event. Many parameters because {@link betAround} has them.
 * @returns whether the value was used within the widest bounds.
 */
export function betWithin(
  levels: readonly Betting[],
  { levels: designs, isAlike }: { readonly levels: readonly BettingDesign[]; readonly isAlike: boolean },
  arm: Arm,
  propensity: number,
  value: number,
  around: ClassPrediction,
): boolean {
  if (Number.isNaN(value) || !isRandomised(propensity)) return false;
  const isCandidate = arm === 'candidate';
  const ofCandidate = 1 / propensity;
  const ofControl = 1 / (1 - propensity);
  const isOne = around === NO_CLASS;
  let isUsed = false;
  let isSame = false;
  let isWithin = false;
  let centre = 0.5;
  let moved = 0.5;
  let wider = 0.5;
  let share = 0.5;
  let lo = 0.5;
  let hi = 0.5;
  let x = 0.5;
  let low = 0.5;
  let high = 0.5;
  let past = 0.5;
  for (let level = 0; level < levels.length; level++) {
    const state = levels[level] as Betting;
    const design = designs[level] as BettingDesign;
    const { widening, limits, harmfulAt, nonInferiorAt } = design;
    const range = design.hi - design.lo;
    isUsed = range > 0 && range < Infinity;
    if (!isUsed) {
      isSame = false;
      continue;
    }
    const expected = expectedOf(design);
    isSame &&= !hasClipped(state);
    if (!isSame) {
      isWithin = false;
      centre = centreOf(state, design);
      moved = design.recent?.movesBounds === true ? centre - expected : 0;
      if (widening) {
        // What `widthFor` says, but for how far these bounds may go.
        wider = Math.max(1, largerSpread(state.past.control, state.past.candidate, widening.spread) / widening.spread);
      }
      share = state.n >= PREDICTION_FROM ? state.nCandidate / state.n : 0;
    }
    const times = widening ? Math.min(widening.atMost, wider) : 1;
    const below = lo;
    const above = hi;
    lo = boundAt(design.lo, expected, times, moved, limits);
    hi = boundAt(design.hi, expected, times, moved, limits);
    // What lies within the bounds before lies within these as well.
    if (!isWithin || lo > below || hi < above) {
      x = clamp(value, lo, hi);
      low = clamp(isOne ? centre : centre + around.lowest, lo, hi);
      high = isOne ? low : clamp(centre + around.highest, lo, hi);
      past = isOne ? low : clamp(centre + around.offset, low, high);
      isWithin = x === value && isOne && low === centre;
    }

    const harms = harmfulAt.length;
    const proofs = nonInferiorAt.length;
    if (wins.length < harms + proofs) wins = new Float64Array(harms + proofs);
    const won = state.isHolding ? wins : state.held;
    const isBlind = design.awaitsPast === true && state.n < PREDICTION_FROM;
    for (let index = 0; index < harms; index++) {
      const margin = harmfulAt[index] as number;
      const shift = margin * share;
      const phi = isCandidate ? (x + margin - (past + shift)) * ofCandidate : (past + shift - x) * ofControl;
      const largest = Math.max((hi + margin - (low + shift)) * ofCandidate, (high + shift - lo) * ofControl);
      won[index] = !isBlind && largest > 0 && largest < Infinity ? -phi / largest : 0;
    }
    for (let index = 0; index < proofs; index++) {
      const margin = nonInferiorAt[index] as number;
      const shift = margin * share;
      const phi = isCandidate ? (x + margin - (past + shift)) * ofCandidate : (past + shift - x) * ofControl;
      // The same expressions as φ's at the ends of the range, so that rounding can't make a loss larger than the largest one.
      const largest = Math.max(-(lo + margin - (high + shift)) * ofCandidate, (hi - (low + shift)) * ofControl);
      won[harms + index] = !isBlind && largest > 0 && largest < Infinity ? phi / largest : 0;
    }
    if (state.isHolding) placeTwoRounds(state.held, won, state.harmful, harms, state.nonInferior, proofs);
    state.isHolding = !state.isHolding;

    if (isSame && x === value) {
      // Its past differs from that of the bounds before by this value.
      const narrower = levels[level - 1] as Betting;
      state.n = narrower.n;
      state.nCandidate = narrower.nCandidate;
      state.sum = narrower.sum;
      state.recent = narrower.recent;
      const moments = isCandidate ? narrower.past.candidate : narrower.past.control;
      const copy = isCandidate ? state.past.candidate : state.past.control;
      copy.n = moments.n;
      copy.mean = moments.mean;
      copy.sumOfSquaredDeviations = moments.sumOfSquaredDeviations;
      continue;
    }
    state.n += 1;
    state.sum += x;
    if (isCandidate) state.nCandidate += 1;
    if (x !== value) noteClipped(isCandidate ? state.clipped.candidate : state.clipped.control, value, x);
    if (design.recent) state.recent += (x - state.recent) / Math.min(state.n, design.recent.memory);
    if (widening) {
      const within = x === value ? value : withinWidest(value, design, widening.atMost, moved);
      // Spread around where the bounds are: what both variants drift by is no spread.
      observeMoments(isCandidate ? state.past.candidate : state.past.control, within - moved);
    }
    isSame = isAlike && !hasClipped(state);
  }
  return isUsed;
}

function hasClipped({ clipped: { control, candidate } }: Betting): boolean {
  return control.values > 0 || candidate.values > 0;
}

function initialClipped(): Clipped {
  return { values: 0, sum: 0, size: 0, furthest: 0 };
}

function noteClipped(clipped: Clipped, value: number, x: number): void {
  const beyond = value - x;
  clipped.values += 1;
  if (!Number.isFinite(beyond)) return;
  clipped.furthest = further(clipped.furthest, beyond);
  clipped.sum += beyond;
  clipped.size += Math.abs(beyond);
}

/** A value beyond the present bounds, clipped to those that lie as far out as they may. */
function withinWidest(value: number, design: BettingDesign, atMost: number, moved: number): number {
  const expected = expectedOf(design);
  const lo = boundAt(design.lo, expected, atMost, moved, design.limits);
  const hi = boundAt(design.hi, expected, atMost, moved, design.limits);
  return clamp(value, lo, hi);
}

/** What the next value is expected to be, of everything so far or of late. */
export function centreOf(state: Betting, design: BettingDesign): number {
  if (state.n < PREDICTION_FROM) return expectedOf(design);
  return design.recent ? state.recent : state.sum / state.n;
}

function clamp(value: number, lo: number, hi: number): number {
  return Math.min(hi, Math.max(lo, value));
}

function expectedOf({ expected, lo, hi }: BettingDesign): number {
  return expected ?? (lo + hi) / 2;
}

/** What the bets on the value at hand win, test by test. */
let wins = new Float64Array(32);

/** Many parameters because it is called per event; the compiler puts it into its caller. */
function boundAt(
  bound: number,
  expected: number,
  times: number,
  moved: number,
  limits: BettingDesign['limits'],
): number {
  const at = (times === 1 ? bound : movedOut(bound, expected, times)) + moved;
  return limits ? clamp(at, limits.lo, limits.hi) : at;
}

/** ln E of "worse by more than the margin": reject "worse by at most m" at ln E ≥ ln(1/α). 0 without data. @param weights of the bets; default: equal. */
export function lnEHarmful(state: Betting, marginIndex: number, weights?: readonly number[]): number {
  settleBets(state);
  return lnEOfBets(state.harmful, marginIndex, weights);
}

/** ln E of "not worse by the margin": reject "worse by m or more" at ln E ≥ ln(1/α). 0 without data. @param weights of the bets; default: equal. */
export function lnENonInferior(state: Betting, marginIndex: number, weights?: readonly number[]): number {
  settleBets(state);
  return lnEOfBets(state.nonInferior, marginIndex, weights);
}

/** The evidence of two disjoint parts of the traffic. Commutative; associative up to rounding. */
export function mergeBetting(a: Betting, b: Betting): Betting {
  settleBets(a);
  settleBets(b);
  const bets = { harmful: mergeWealth(a.harmful, b.harmful), nonInferior: mergeWealth(a.nonInferior, b.nonInferior) };
  return {
    n: a.n + b.n,
    nCandidate: a.nCandidate + b.nCandidate,
    sum: a.sum + b.sum,
    recent: a.n + b.n === 0 ? 0 : (a.n * a.recent + b.n * b.recent) / (a.n + b.n),
    clipped: {
      control: addClipped(a.clipped.control, b.clipped.control),
      candidate: addClipped(a.clipped.candidate, b.clipped.candidate),
    },
    past: {
      control: mergeMoments(a.past.control, b.past.control),
      candidate: mergeMoments(a.past.candidate, b.past.candidate),
    },
    ...bets,
    ...nothingHeld(bets),
  };
}

function addClipped(a: Clipped, b: Clipped): Clipped {
  return {
    values: a.values + b.values,
    sum: a.sum + b.sum,
    size: a.size + b.size,
    furthest: further(a.furthest, b.furthest),
  };
}

/** The larger one without its sign; of two as large the positive one, whatever their order. */
function further(a: number, b: number): number {
  if (Math.abs(a) === Math.abs(b)) return Math.max(a, b);
  return Math.abs(a) > Math.abs(b) ? a : b;
}
