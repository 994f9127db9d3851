import { initialMoments, mergeMoments, type Moments, observeMoments } from '../summaries/moments.js';
import { initialBets, lnEOfBets, placeBets } from './bets.js';
import { pastSpread } from './past-spread.js';
import { mergeWealth, type Wealth } from './wealth.js';

/** Standard deviations of the differences at which they are clipped. */
const REACH = 3;

/** What is tested. Higher values are better; negate a metric of which less is better. */
export interface PairedDesign {
  /** Differences are clipped to ± this, > 0: what is compared is the mean of the clipped differences. */
  readonly largestDifference: number;
  /**
   * The standard deviation that differences are thought to have. Where it is given they are clipped much closer: at
   * {@link REACH} standard deviations of the differences so far, of which it is the first guess, and for each margin no closer than twice
   * that margin. A closer limit stakes more per pair; differences of alike variants are symmetric, so that it moves their mean little.
   */
  readonly usualSpread?: number;
  /** Margins in the unit of the values, between −largestDifference and largestDifference. */
  readonly harmfulAt: readonly number[];
  readonly nonInferiorAt: readonly number[];
}

/**
 * Betting e-processes for paired differences d = candidate − control: shadow traffic, where the same prompt and seed go through both
 * variants. What both have in common (the prompt's difficulty) cancels, so it takes (1 − r)/2 of the events of the unpaired test at a
 * correlation r of the pairs and an even split, and less still at small shares.
 *
 * With z = d + m, harmful tests "E d ≥ −m" by Π(1 − λz), non-inferior tests "E d ≤ −m" by Π(1 + λz), λ from a grid of fractions
 * of the largest bet that can't go broke.
 * Source: Waudby-Smith & Ramdas, JRSS-B 86 (2024), section 4. Assumptions: given the past the mean difference lies on the null's
 * side, at every limit that comes to be used; one pair per unit; nothing is assumed about the variance, and there is no propensity, because nothing was drawn.
 * A pair of which one side failed has no difference: count the failures as events, by the discordant pairs.
 */
export interface PairedBetting {
  n: number;
  /** Sum of the differences, clipped as closely as at a margin of 0. */
  sum: number;
  /** Of the differences, clipped to the largest. */
  readonly past: Moments;
  readonly harmful: Wealth;
  readonly nonInferior: Wealth;
}

export function initialPairedBetting(design: Pick<PairedDesign, 'harmfulAt' | 'nonInferiorAt'>): PairedBetting {
  return {
    n: 0,
    sum: 0,
    past: initialMoments(),
    harmful: initialBets(design.harmfulAt.length),
    nonInferior: initialBets(design.nonInferiorAt.length),
  };
}

/**
 * Folds one pair's difference in, in place. A difference without a number is skipped (∞ − ∞: both timed out), infinite ones are
 * clipped. O(margins × fractions). @returns whether it was used.
 */
export function betPaired(state: PairedBetting, design: PairedDesign, difference: number): boolean {
  const { largestDifference } = design;
  if (!(largestDifference > 0 && largestDifference < Infinity)) {
    throw new RangeError(`largest difference ${largestDifference}: expected a positive finite number`);
  }
  if (Number.isNaN(difference)) return false;
  const closest = closestLimit(state, design);
  for (let index = 0; index < design.harmfulAt.length; index++) {
    const margin = design.harmfulAt[index] as number;
    const limit = limitAt(margin, closest, largestDifference);
    const largest = limit + margin;
    if (largest > 0) placeBets(state.harmful, index, -(clipped(difference, limit) + margin) / largest);
  }
  for (let index = 0; index < design.nonInferiorAt.length; index++) {
    const margin = design.nonInferiorAt[index] as number;
    const limit = limitAt(margin, closest, largestDifference);
    // −(−limit + m), the same expression as d + m at its end: no loss is larger by rounding.
    const largest = -(margin - limit);
    if (largest > 0) placeBets(state.nonInferior, index, (clipped(difference, limit) + margin) / largest);
  }
  state.n += 1;
  state.sum += clipped(difference, closest);
  observeMoments(state.past, clipped(difference, largestDifference));
  return true;
}

/** Where differences are clipped at a margin of 0, from the past alone. */
function closestLimit({ past }: PairedBetting, { largestDifference, usualSpread }: PairedDesign): number {
  if (usualSpread === undefined) return largestDifference;
  return Math.min(largestDifference, REACH * pastSpread(past, usualSpread));
}

/** So close to a margin that next to nothing is left to lose, bets would be on noise alone. */
function limitAt(margin: number, closest: number, largest: number): number {
  return Math.min(largest, Math.max(2 * Math.abs(margin), closest));
}

function clipped(difference: number, limit: number): number {
  return Math.min(limit, Math.max(-limit, difference));
}

/** ln E of "worse by more than the margin": reject "worse by at most m" at ln E ≥ ln(1/α). 0 without data. @param weights of the bets; default: equal. */
export function lnEPairedHarmful(state: PairedBetting, marginIndex: number, weights?: readonly number[]): number {
  return lnEOfBets(state.harmful, marginIndex, weights);
}

/** ln E of "not worse by the margin": reject "worse by m or more" at ln E ≥ ln(1/α). 0 without data. @param weights of the bets; default: equal. */
export function lnEPairedNonInferior(state: PairedBetting, marginIndex: number, weights?: readonly number[]): number {
  return lnEOfBets(state.nonInferior, marginIndex, weights);
}

/** The evidence of two disjoint sets of pairs. Commutative; associative up to rounding. */
export function mergePairedBetting(a: PairedBetting, b: PairedBetting): PairedBetting {
  return {
    n: a.n + b.n,
    sum: a.sum + b.sum,
    past: mergeMoments(a.past, b.past),
    harmful: mergeWealth(a.harmful, b.harmful),
    nonInferior: mergeWealth(a.nonInferior, b.nonInferior),
  };
}
