/** The largest bet; below 1, where the boundary would have a pole. */
const LARGEST_BET = 0.5;
const PRIOR_MEAN = 1 / 2;
const PRIOR_VARIANCE = 1 / 4;

/**
 * Confidence sequence for the mean of values in [0, 1] (scale others first) that adapts to their variance: exact at every n and
 * for every law, unlike the asymptotic one, at the price of width.
 *
 * Source: Waudby-Smith & Ramdas, JRSS-B 86(1), 2024, Theorem 2 (predictable plug-in empirical Bernstein), α/2 to either side.
 * Assumptions: the mean given the past is constant; bounds are known beforehand. Each bet depends on the past in its order, so
 * sequences over parts of the traffic cannot be merged: intersect their intervals at α split between them instead.
 */
export interface EmpiricalBernstein {
  readonly alpha: number;
  readonly largestBet: number;
  n: number;
  sum: number;
  /** Σ (x − regularised mean)², from which the next bet follows. */
  squares: number;
  bets: number;
  /** Σ λx */
  weighted: number;
  /** Σ (x − mean of the past)² ψ(λ), for the lower end, and the same of 1 − x for the upper one: they differ in the first value. */
  lowerCost: number;
  upperCost: number;
}

export function initialEmpiricalBernstein(alpha: number, largestBet = LARGEST_BET): EmpiricalBernstein {
  if (!(largestBet > 0 && largestBet < 1))
    throw new RangeError(`largest bet ${largestBet}: expected a number between 0 and 1`);
  return { alpha, largestBet, n: 0, sum: 0, squares: 0, bets: 0, weighted: 0, lowerCost: 0, upperCost: 0 };
}

/** Folds one value in, in place; NaN is refused. @returns whether it was used. @throws RangeError outside [0, 1]. */
export function observeEmpiricalBernstein(state: EmpiricalBernstein, value: number): boolean {
  if (Number.isNaN(value)) return false;
  if (value < 0 || value > 1) throw new RangeError(`value ${value}: expected a number between 0 and 1`);
  const t = state.n + 1;
  const variance = (PRIOR_VARIANCE + state.squares) / t;
  const lambda = Math.min(state.largestBet, predictablePlugInBet(state.alpha / 2, t, variance));
  const cost = -Math.log1p(-lambda) - lambda;
  const isFirst = state.n === 0;
  const pastMean = isFirst ? 0 : state.sum / state.n;
  state.lowerCost += (value - pastMean) ** 2 * cost;
  state.upperCost += (isFirst ? (1 - value) ** 2 : (value - pastMean) ** 2) * cost;
  state.bets += lambda;
  state.weighted += lambda * value;
  state.n = t;
  state.sum += value;
  state.squares += (value - (PRIOR_MEAN + state.sum) / (t + 1)) ** 2;
  return true;
}

/** Mean and interval, clipped to [0, 1]; null without values. Not intersected with earlier intervals: a later one may be wider. */
export function empiricalBernsteinInterval(
  state: EmpiricalBernstein,
): { readonly mean: number; readonly low: number; readonly high: number } | null {
  if (state.n === 0) return null;
  const { alpha, bets, weighted, lowerCost, upperCost } = state;
  const price = Math.log(2 / alpha);
  return {
    mean: state.sum / state.n,
    low: Math.max(0, (weighted - price - lowerCost) / bets),
    high: Math.min(1, (weighted + price + upperCost) / bets),
  };
}

/**
 * The bet for value number t ≥ 1 of a one-sided sequence at error rate α, `√(2 ln(1/α) / (σ̂² t ln(1 + t)))`, before it is capped.
 * @param variance estimated from the values before it, with a prior.
 */
export function predictablePlugInBet(alpha: number, t: number, variance: number): number {
  return Math.sqrt((-2 * Math.log(alpha)) / (variance * t * Math.log1p(t)));
}
