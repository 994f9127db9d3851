/** The leading constant of the bands; above 1/√2. Larger spends less on the constant term and more on the growing one. */
const LEADING = 0.85;

/**
 * Half-width of a band around the empirical distribution function that holds for all values and all n ≥ `from` at once with
 * probability 1 − α: `A √((ln(1 + ln(n/from)) + C)/n)`, C the smallest that keeps the error rate. 1 below `from`: nothing is known.
 *
 * Source: Howard & Ramdas, Bernoulli 28(3), 2022, Theorem 2 (a time-uniform Dvoretzky–Kiefer–Wolfowitz inequality).
 * Assumption: values are drawn independently from one law. O(2000), so keep C where it is read often.
 */
export function timeUniformDkwRadius(n: number, alpha: number, from = 1, leading = LEADING): number {
  if (n < from) return 1;
  return Math.min(1, leading * Math.sqrt((Math.log1p(Math.log(n / from)) + dkwConstant(alpha, leading)) / n));
}

/**
 * The same from the first value on with the paper's round constants, `.85 √((ln ln(en) + .8 ln(1612/α))/n)`: O(1), 1 to 2 % wider.
 * Source: Howard & Ramdas 2022, Corollary 2.
 */
export function closedDkwRadius(n: number, alpha: number): number {
  if (n < 1) return 1;
  return Math.min(1, 0.85 * Math.sqrt((Math.log1p(Math.log(n)) + 0.8 * Math.log(1612 / alpha)) / n));
}

/** The smallest C whose error rate is at most α, by bisection. */
function dkwConstant(alpha: number, leading: number): number {
  if (!(leading > Math.SQRT1_2)) throw new RangeError(`leading constant ${leading}: expected more than 1/√2`);
  let tooSmall = 0;
  let enough = 1;
  while (dkwErrorRate(enough, leading) > alpha) {
    tooSmall = enough;
    enough *= 2;
  }
  for (let step = 0; step < 50; step++) {
    const middle = (tooSmall + enough) / 2;
    if (dkwErrorRate(middle, leading) > alpha) tooSmall = middle;
    else enough = middle;
  }
  return enough;
}

/** inf over η in (1, 2A²) with γ > 1 of `4 e^(−γ²C) (1 + 1/((γ² − 1) ln η))`, γ = √(2/η)(A − √(2(η − 1)/C)). */
function dkwErrorRate(constant: number, leading: number): number {
  const rate = (lnExcess: number): number => {
    const eta = 1 + Math.exp(lnExcess);
    const gamma = Math.sqrt(2 / eta) * (leading - Math.sqrt((2 * (eta - 1)) / constant));
    if (!(gamma > 1)) return Infinity;
    return 4 * Math.exp(-gamma * gamma * constant) * (1 + 1 / ((gamma * gamma - 1) * Math.log(eta)));
  };
  // γ falls with η, so the admissible η are an interval that begins at 1; within it the rate falls, then rises.
  let low = Math.log(1e-9);
  let high = Math.log(2 * leading * leading - 1);
  for (let step = 0; step < 60; step++) {
    const third = (high - low) / 3;
    if (rate(low + third) <= rate(high - third)) high -= third;
    else low += third;
  }
  return rate((low + high) / 2);
}
