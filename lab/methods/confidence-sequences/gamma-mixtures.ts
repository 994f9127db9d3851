import { lnGamma, type Mixture, oneSidedPrecision, type Tuning } from '#libs/statistics';
import { gammaLowerTail, lnGammaUpperTail } from '../distributions/gamma.js';

/**
 * For sums with the upper tail of a centred exponential variable (sub-exponential with scale c), upward deviations only. What
 * bounded values with an estimated variance are covered by: c is then the width of their range.
 *
 * Source: Howard, Ramdas, McAuliffe, Sekhon, Ann. Statist. 49(2), 2021, Prop. 9 (gamma-exponential mixture).
 */
export function gammaExponentialMixture(scale: number, tuning: Tuning): Mixture {
  const { precision, squared } = parameters(scale, tuning);
  const shape = precision / squared;
  const normaliser = shape * Math.log(shape) - lnGamma(shape) - Math.log(gammaLowerTail(shape, shape));
  return {
    lnE(s, v) {
      const total = (v + precision) / squared;
      const argument = s / scale + total;
      return normaliser + lnUnitIntegral(total, argument) + argument - shape;
    },
    largest: () => Infinity,
  };
}

/**
 * For sums with the upper tail of a centred Poisson variable (sub-Poisson with jumps of at most c), upward deviations only.
 * Source: Howard, Ramdas, McAuliffe, Sekhon, Ann. Statist. 49(2), 2021, Prop. 10 (gamma-Poisson mixture).
 */
export function gammaPoissonMixture(jump: number, tuning: Tuning): Mixture {
  const { precision, squared } = parameters(jump, tuning);
  const shape = precision / squared;
  const normaliser = shape * Math.log(shape) - lnGamma(shape) - lnGammaUpperTail(shape, shape);
  return {
    lnE(s, v) {
      const total = (v + precision) / squared;
      const argument = s / jump + total;
      if (!(argument > 0)) return -Number.MAX_VALUE;
      return (
        normaliser + lnGamma(argument) + lnGammaUpperTail(total, argument) - argument * Math.log(total) + v / squared
      );
    },
    largest: () => Infinity,
  };
}

/** ln ∫₀¹ t^(a − 1) e^(−zt) dt for a > 0: the incomplete gamma function without the power of z, so that z may be of either sign. */
function lnUnitIntegral(a: number, z: number): number {
  if (z <= 0) return -z + Math.log(meanReciprocal(a, -z));
  const tail = gammaLowerTail(z, a);
  if (tail > 0) return lnGamma(a) + Math.log(tail) - a * Math.log(z);
  // Far below a the tail is smaller than any double; its series, Σ zᵏ / (a (a + 1) … (a + k)), is not.
  let term = 1 / a;
  let sum = 0;
  for (let k = 1; term > sum * Number.EPSILON; k++) {
    sum += term;
    term *= z / (a + k);
  }
  return -z + Math.log(sum);
}

/** E[1/(a + K)] for K of a Poisson law, summed from its mode outwards: Σ μᵏ/(k! (a + k)) without its e^μ. */
function meanReciprocal(a: number, mean: number): number {
  const mode = Math.floor(mean);
  const most = mean === 0 ? 1 : Math.exp(mode * Math.log(mean) - mean - lnGamma(mode + 1));
  let sum = most / (a + mode);
  for (let k = mode, p = most; k > 0 && p > 0; k--) {
    p *= k / mean;
    sum += p / (a + k - 1);
  }
  for (let k = mode + 1, p = most * (mean / k); p > sum * Number.EPSILON; k++, p *= mean / k) sum += p / (a + k);
  return sum;
}

function parameters(scale: number, tuning: Tuning): { precision: number; squared: number } {
  if (!(scale > 0)) throw new RangeError(`scale ${scale} of a mixture: expected a positive number`);
  return { precision: oneSidedPrecision(tuning), squared: scale * scale };
}
