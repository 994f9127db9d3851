import {
  initialBets,
  initialMoments,
  lnEOfBets,
  mergeMoments,
  mergeWealth,
  type Moments,
  observeMoments,
  pastSpread,
  placeBets,
  type Wealth,
} from '#libs/statistics';

/** Standard deviations of the differences at which they are clipped. */
const REACH = 3;

/** What is tested. Higher values are better; negate a metric of which less is better. */
export interface PairedDesign {
  /** Differences are clipped to ± this, > 0: what is compared is the mean of the clipped differences. */
  readonly largestDifference: number;
  /**
   * The standard deviation that differences are thought to have. Where it is given they are clipped much closer: at
   * {@link REACH} standard deviations of the differences so far, of which it is the first guess, and no closer than twice the largest
   * margin. A closer limit stakes more per pair; differences of alike variants are symmetric, so that it moves their mean little.
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
  /** Sum of the clipped differences. */
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
  const limit = limitOf(state, design);
  const d = Math.min(limit, Math.max(-limit, difference));
  for (let index = 0; index < design.harmfulAt.length; index++) {
    const margin = design.harmfulAt[index] as number;
    const largest = limit + margin;
    if (largest > 0) placeBets(state.harmful, index, -(d + margin) / largest);
  }
  for (let index = 0; index < design.nonInferiorAt.length; index++) {
    const margin = design.nonInferiorAt[index] as number;
    // −(−limit + m), the same expression as d + m at its end: no loss is larger by rounding.
    const largest = -(margin - limit);
    if (largest > 0) placeBets(state.nonInferior, index, (d + margin) / largest);
  }
  state.n += 1;
  state.sum += d;
  observeMoments(state.past, Math.min(largestDifference, Math.max(-largestDifference, difference)));
  return true;
}

/** Where differences are clipped, from the past alone. */
function limitOf({ past }: PairedBetting, design: PairedDesign): number {
  const { largestDifference, usualSpread, harmfulAt, nonInferiorAt } = design;
  if (usualSpread === undefined) return largestDifference;
  let largestMargin = 0;
  for (const margin of harmfulAt) largestMargin = Math.max(largestMargin, Math.abs(margin));
  for (const margin of nonInferiorAt) largestMargin = Math.max(largestMargin, Math.abs(margin));
  return Math.min(largestDifference, Math.max(2 * largestMargin, REACH * pastSpread(past, usualSpread)));
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
