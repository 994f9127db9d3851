import { type ConfidenceInterval, twoSidedZ } from './confidence-interval.js';
import { wilson } from './proportion-interval.js';
import { type Proportion, shareOf } from './proportion.js';
import type { Refused } from './refusal.js';
import { unpooledVariance } from './two-proportions.js';

/**
 * `newcombe`: from the two Wilson intervals, the one to use. `agresti-caffo`: Wald's with one success and one failure more per
 * arm. `wald`: difference ± z·SE; it covers too rarely at small counts and is here for comparison.
 * The last two may reach beyond [−1, 1].
 */
export type DifferenceIntervalMethod = 'newcombe' | 'agresti-caffo' | 'wald';

/** `score`: inverts the score test, good at small counts. `log`: ln ratio ± z·SE, for large ones. */
export type RatioIntervalMethod = 'score' | 'log';

/** ln of the ratios between which an end of the score interval is sought: counts in doubles lead nowhere beyond. */
const FURTHEST_LN_RATIO = 60;

/**
 * 1 − α interval of the difference of two independent proportions, first − second.
 *
 * Source: Newcombe, Statistics in Medicine 17 (1998), method 10; Agresti & Caffo, The American Statistician 54 (2000).
 * Refuses an arm without trials; Wald's also where neither arm has any variance.
 */
export function proportionDifferenceInterval(
  x: Proportion,
  y: Proportion,
  method: DifferenceIntervalMethod = 'newcombe',
  alpha = 0.05,
): ConfidenceInterval | Refused<'no-trials' | 'no-variance'> {
  const first = shareOf(x);
  const second = shareOf(y);
  const z = twoSidedZ(alpha);
  if (first === null || second === null) return { refused: 'no-trials' };
  switch (method) {
    case 'newcombe': {
      const ofX = wilson(x, z);
      const ofY = wilson(y, z);
      const difference = first - second;
      return {
        low: difference - Math.hypot(first - ofX.low, ofY.high - second),
        high: difference + Math.hypot(ofX.high - first, second - ofY.low),
      };
    }
    case 'agresti-caffo':
      return wald(withOneMoreOfEach(x), withOneMoreOfEach(y), z);
    case 'wald':
      return unpooledVariance(x, y) === 0 ? { refused: 'no-variance' } : wald(x, y, z);
    default:
      return method satisfies never;
  }
}

/**
 * 1 − α interval of the ratio of two independent proportions, first / second (risk ratio). Without successes in the first arm
 * it begins at 0, without successes in the second it ends at Infinity.
 *
 * Source: score interval: Koopman, Biometrics 40 (1984); Miettinen & Nurminen, Statistics in Medicine 4 (1985), eq. 10 for the
 * restricted estimates, without their factor n/(n − 1). Log interval: Katz, Baptista, Azen, Pike, Biometrics 34 (1978).
 * Refuses an arm without trials (`no-trials`), and `no-variance`: no success in either arm; for the log interval no success in
 * one of them, or nothing but successes in both.
 */
export function proportionRatioInterval(
  x: Proportion,
  y: Proportion,
  method: RatioIntervalMethod = 'score',
  alpha = 0.05,
): ConfidenceInterval | Refused<'no-trials' | 'no-variance'> {
  const first = shareOf(x);
  const second = shareOf(y);
  const z = twoSidedZ(alpha);
  if (first === null || second === null) return { refused: 'no-trials' };
  switch (method) {
    case 'score':
      if (first === 0 && second === 0) return { refused: 'no-variance' };
      return {
        low: first === 0 ? 0 : ratioAtScore(x, y, z),
        high: second === 0 ? Infinity : ratioAtScore(x, y, -z),
      };
    case 'log': {
      const squaredError = (1 - first) / x.successes + (1 - second) / y.successes;
      if (first === 0 || second === 0 || squaredError === 0) return { refused: 'no-variance' };
      const factor = Math.exp(z * Math.sqrt(squaredError));
      return { low: first / second / factor, high: (first / second) * factor };
    }
    default:
      return method satisfies never;
  }
}

/** The ratio at which the score statistic, which falls in it, comes down to `z`: by bisection of its logarithm. */
function ratioAtScore(x: Proportion, y: Proportion, z: number): number {
  let low = -FURTHEST_LN_RATIO;
  let high = FURTHEST_LN_RATIO;
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    if (ratioScore(x, y, Math.exp(middle)) > z) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

/** Standardised distance of the data from "first = ratio · second", its variance at the likeliest proportions under that. */
function ratioScore(x: Proportion, y: Proportion, ratio: number): number {
  const distance = x.successes / x.trials - (ratio * y.successes) / y.trials;
  if (distance === 0) return 0;
  // The smaller root of a·q² − b·q + c for the second proportion, in the form that does not cancel.
  const a = (x.trials + y.trials) * ratio;
  const b = (x.trials + y.successes) * ratio + x.successes + y.trials;
  const c = x.successes + y.successes;
  const second = Math.min(1, 1 / ratio, (2 * c) / (b + Math.sqrt(Math.max(0, b * b - 4 * a * c))));
  const first = ratio * second;
  const variance = (first * (1 - first)) / x.trials + (ratio * first * (1 - second)) / y.trials;
  return distance / Math.sqrt(Math.max(0, variance));
}

function withOneMoreOfEach({ successes, trials }: Proportion): Proportion {
  return { successes: successes + 1, trials: trials + 2 };
}

function wald(x: Proportion, y: Proportion, z: number): ConfidenceInterval {
  const difference = x.successes / x.trials - y.successes / y.trials;
  const reach = z * Math.sqrt(unpooledVariance(x, y));
  return { low: difference - reach, high: difference + reach };
}
