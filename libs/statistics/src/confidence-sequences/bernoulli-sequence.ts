import { betaBinomialMixture } from './beta-binomial-mixture.js';
import { crossing } from './mixture-boundary.js';

/** Sample size at which the sequence is tightest, and the error rate it is tuned for; fixed beforehand. */
const TUNING = { at: 5_000, alpha: 0.05 };
/** Stands for the limit at a rate of 0 or 1. */
const SMALLEST_RATE = 1e-300;

/**
 * Anytime-valid 1 − α interval of a rate after `successes` of `n` trials: the rates against which the two-sided beta-binomial mixture
 * has not reached 1/α. Exact for every rate and n; also covers the mean of any values in [0, 1], `successes` being their sum.
 *
 * Source: Howard, Ramdas, McAuliffe, Sekhon, Ann. Statist. 49(2), 2021, Prop. 7 and section 4.1. Assumption: the conditional
 * mean given the past is constant. {0, 1} without trials. O(120) evaluations of ln B.
 */
export function bernoulliInterval(
  successes: number,
  n: number,
  alpha: number,
  tuning: { readonly at: number; readonly alpha: number } = TUNING,
): { readonly low: number; readonly high: number } {
  if (!(successes >= 0 && successes <= n)) {
    throw new RangeError(`${successes} successes of ${n} trials: expected between 0 and the number of trials`);
  }
  return {
    low: lowestRate(successes, n, alpha, tuning),
    high: 1 - lowestRate(n - successes, n, alpha, tuning),
  };
}

function lowestRate(successes: number, n: number, alpha: number, tuning: { at: number; alpha: number }): number {
  if (successes === 0) return 0;
  const threshold = -Math.log(alpha);
  const plausibility = (rate: number): number => {
    const variance = rate * (1 - rate);
    const mixture = betaBinomialMixture(rate, 1 - rate, { at: tuning.at * variance, alpha: tuning.alpha });
    return threshold - mixture.lnE(successes - n * rate, n * variance);
  };
  if (plausibility(SMALLEST_RATE) > 0) return 0;
  // All successes: the mixture is not defined at a rate of exactly 1.
  return crossing(plausibility, SMALLEST_RATE, Math.min(successes / n, 1 - Number.EPSILON));
}
