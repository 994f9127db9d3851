import { type Arm, isRandomised } from '../arm.js';
import { initialWealth, lnMeanWealth, mergeWealth, multiplyWealth, type Wealth } from './wealth.js';

/** The bets that are mixed, as fractions of the largest bet that can't go broke. */
export const BET_FRACTIONS: readonly number[] = [0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95];

/** Until so many values have been seen their mean is no useful prediction. */
const PREDICTION_FROM = 20;

const FRACTIONS = Float64Array.from(BET_FRACTIONS);
const GRID = FRACTIONS.length;

/**
 * What is tested. Higher values are better; negate a metric of which less is better, its bounds included.
 *
 * `lo`, `hi`: values are clipped to this range, the same way for both variants; what is compared are the clipped means.
 * `harmfulAt`, `nonInferiorAt`: margins ≥ 0 in the unit of the values, see {@link Betting}.
 */
export interface BettingDesign {
  readonly lo: number;
  readonly hi: number;
  readonly harmfulAt: readonly number[];
  readonly nonInferiorAt: readonly number[];
  /** What a value is expected to be before there is a past, within the bounds. Default: the middle of the range. */
  readonly expected?: number;
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
 * Assumptions: the propensity is the true one, one value per randomised unit, values clipped to fixed bounds.
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
  /** Product of the factors, margin by margin, fraction by fraction within. */
  readonly harmful: Wealth;
  readonly nonInferior: Wealth;
}

export function initialBetting(design: Pick<BettingDesign, 'harmfulAt' | 'nonInferiorAt'>): Betting {
  return {
    n: 0,
    nCandidate: 0,
    sum: 0,
    harmful: initialWealth(design.harmfulAt.length * GRID),
    nonInferior: initialWealth(design.nonInferiorAt.length * GRID),
  };
}

/**
 * Folds one value in, in place. Values without a number and assignments that were not random (propensity 0 or 1) are skipped.
 * Infinite values are clipped like all others. O(margins × fractions), without a logarithm.
 * @returns whether the value was used.
 */
export function bet(state: Betting, design: BettingDesign, arm: Arm, propensity: number, value: number): boolean {
  const { lo, hi } = design;
  const range = hi - lo;
  if (Number.isNaN(value) || !isRandomised(propensity) || !(range > 0 && range < Infinity)) return false;
  const x = Math.min(hi, Math.max(lo, value));
  const isCandidate = arm === 'candidate';
  const hasPast = state.n >= PREDICTION_FROM;
  const other = 1 - propensity;
  const expected = design.expected ?? (lo + hi) / 2;

  for (let index = 0; index < design.harmfulAt.length; index++) {
    const margin = design.harmfulAt[index] as number;
    const centre = hasPast ? (state.sum + margin * state.nCandidate) / state.n : expected;
    const phi = isCandidate ? (x + margin - centre) / propensity : (centre - x) / other;
    const largest = Math.max((hi + margin - centre) / propensity, (centre - lo) / other);
    if (largest > 0 && largest < Infinity) multiplyWealth(state.harmful, index * GRID, FRACTIONS, -phi / largest);
  }
  for (let index = 0; index < design.nonInferiorAt.length; index++) {
    const margin = design.nonInferiorAt[index] as number;
    const centre = hasPast ? (state.sum + margin * state.nCandidate) / state.n : expected;
    const phi = isCandidate ? (x + margin - centre) / propensity : (centre - x) / other;
    // The same expressions as φ's at the ends of the range, so that rounding can't make a loss larger than the largest one.
    const largest = Math.max(-(lo + margin - centre) / propensity, (hi - centre) / other);
    if (largest > 0 && largest < Infinity) multiplyWealth(state.nonInferior, index * GRID, FRACTIONS, phi / largest);
  }
  state.n += 1;
  state.sum += x;
  if (isCandidate) state.nCandidate += 1;
  return true;
}

/** ln E of "worse by more than the margin": reject "worse by at most m" at ln E ≥ ln(1/α). 0 without data. */
export function lnEHarmful(state: Betting, marginIndex: number): number {
  return lnMeanWealth(state.harmful, marginIndex * GRID, GRID);
}

/** ln E of "not worse by the margin": reject "worse by m or more" at ln E ≥ ln(1/α). 0 without data. */
export function lnENonInferior(state: Betting, marginIndex: number): number {
  return lnMeanWealth(state.nonInferior, marginIndex * GRID, GRID);
}

/** The evidence of two disjoint parts of the traffic. Commutative; associative up to rounding. */
export function mergeBetting(a: Betting, b: Betting): Betting {
  return {
    n: a.n + b.n,
    nCandidate: a.nCandidate + b.nCandidate,
    sum: a.sum + b.sum,
    harmful: mergeWealth(a.harmful, b.harmful),
    nonInferior: mergeWealth(a.nonInferior, b.nonInferior),
  };
}
