/** What is tested, and how boldly. */
export interface HedgedDesign {
  /** The mean under the null, strictly between 0 and 1. */
  readonly mean: number;
  /** The level the bets are tuned for. Default 0.05; validity does not depend on it. */
  readonly alpha?: number;
  /** Weight of the bet on a larger mean; the bet on a smaller one has the rest. Default ½. */
  readonly weight?: number;
}

/** Bets are cut to this share of the largest that can't go broke. */
const TRUNCATION = 0.5;

/**
 * Hedged betting capital: one variant's values in [0, 1], is their mean this one (a rating or a rate against a target)?
 * Bets on both sides, sized by a predictable plug-in of the empirical variance:
 * `λ_t = √(2 ln(1/(αθ)) / (σ̂²_{t−1} t ln(1 + t)))`, cut to ½/m upwards and ½/(1−m) downwards.
 *
 * Source: Waudby-Smith & Ramdas, JRSS-B 86 (2024), section 4 (the hedged capital process with predictable plug-in bets). Assumption: given the past every value has the tested mean.
 *
 * State is additive, so parts of the data that were folded separately can be merged: each part bets from its own past.
 */
export interface HedgedBetting {
  n: number;
  sum: number;
  /** Σ (x − mean so far)², the mean shrunk by half a value at ½. */
  sumOfSquares: number;
  lnUp: number;
  lnDown: number;
}

export function initialHedgedBetting(): HedgedBetting {
  return { n: 0, sum: 0, sumOfSquares: 0, lnUp: 0, lnDown: 0 };
}

/** Folds one value in, in place. Values without a number are skipped; others are clipped to [0, 1]. @returns whether it was used. */
export function betHedged(state: HedgedBetting, design: HedgedDesign, value: number): boolean {
  const { mean } = design;
  if (!(mean > 0 && mean < 1)) throw new RangeError(`mean ${mean}: expected a number between 0 and 1, both excluded`);
  if (Number.isNaN(value)) return false;
  const x = Math.min(1, Math.max(0, value));
  const bet = nextBet(state, design);
  state.lnUp += Math.log1p(Math.min(bet, TRUNCATION / mean) * (x - mean));
  state.lnDown += Math.log1p(-Math.min(bet, TRUNCATION / (1 - mean)) * (x - mean));
  state.n += 1;
  state.sum += x;
  state.sumOfSquares += (x - (0.5 + state.sum) / (1 + state.n)) ** 2;
  return true;
}

/** The next bet before it is cut, from the past alone. */
export function nextBet({ n, sumOfSquares }: HedgedBetting, { alpha = 0.05, weight = 0.5 }: HedgedDesign): number {
  const variance = (0.25 + sumOfSquares) / (1 + n);
  const t = n + 1;
  return Math.sqrt((-2 * Math.log(alpha * weight)) / (variance * t * Math.log(1 + t)));
}

/** ln of the larger of the two weighted capitals, which never exceeds their sum, an e-process. ln ½ without data. */
export function lnEHedged({ lnUp, lnDown }: HedgedBetting, { weight = 0.5 }: HedgedDesign): number {
  return Math.max(Math.log(weight) + lnUp, Math.log(1 - weight) + lnDown);
}

export function mergeHedgedBetting(a: HedgedBetting, b: HedgedBetting): HedgedBetting {
  return {
    n: a.n + b.n,
    sum: a.sum + b.sum,
    sumOfSquares: a.sumOfSquares + b.sumOfSquares,
    lnUp: a.lnUp + b.lnUp,
    lnDown: a.lnDown + b.lnDown,
  };
}
