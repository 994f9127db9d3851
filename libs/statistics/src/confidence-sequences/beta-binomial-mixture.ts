import { lnBeta } from '../distributions/ln-beta.js';
import { type Mixture, mixturePrecision, type Tuning } from './mixture-boundary.js';

/** The mixing law may not become wider than this share of one observation's variance. */
const SMALLEST_PRECISION = 1e-3;

/**
 * For sums of centred values between −g and h (a Bernoulli(p) value minus p: g = p, h = 1 − p), deviations to either side at
 * once. Intrinsic time v = gh·n; the largest sum is h·n.
 *
 * Source: Howard, Ramdas, McAuliffe, Sekhon, Ann. Statist. 49(2), 2021, Prop. 7 (Robbins 1970).
 */
export function betaBinomialMixture(g: number, h: number, tuning: Tuning): Mixture {
  if (!(g > 0) || !(h > 0))
    throw new RangeError(`beta-binomial mixture with ends ${g} and ${h}: expected two positive numbers`);
  const range = g + h;
  const precision = Math.max(mixturePrecision(tuning) - g * h, SMALLEST_PRECISION * g * h);
  const prior = lnBeta(precision / (g * range), precision / (h * range));
  const lnShareOfG = Math.log(g / range);
  const lnShareOfH = Math.log(h / range);
  return {
    lnE(s, v) {
      // The numbers of steps up by h and down by g that make up this sum.
      const up = Math.max(0, v + h * s) / (h * range);
      const down = Math.max(0, v - g * s) / (g * range);
      return (
        lnBeta(precision / (g * range) + down, precision / (h * range) + up) -
        prior -
        up * lnShareOfG -
        down * lnShareOfH
      );
    },
    largest: (v) => v / g,
  };
}
