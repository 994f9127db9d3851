import { lnGamma, type Mixture, oneSidedPrecision, type Tuning } from '#libs/statistics';
import { gammaLowerTail, lnGammaUpperTail } from '../distributions/gamma.js';

/**
 * For sums with the upper tail of a centred exponential variable (sub-exponential with scale c), upward deviations only. What
 * bounded values with an estimated variance are covered by: c is then the width of their range.
 *
 * Source: Howard, Ramdas, McAuliffe, Sekhon, Ann. Statist. 49(2), 2021, Prop. 9 (gamma-exponential mixture). For sums far below 0, where
 * E is smaller than any double, ln E is the most negative finite number.
 */
export function gammaExponentialMixture(scale: number, tuning: Tuning): Mixture {
  const { precision, squared } = parameters(scale, tuning);
  const shape = precision / squared;
  const normaliser = shape * Math.log(shape) - lnGamma(shape) - Math.log(gammaLowerTail(shape, shape));
  return {
    lnE(s, v) {
      const total = (v + precision) / squared;
      const argument = s / scale + total;
      const tail = argument > 0 ? gammaLowerTail(argument, total) : 0;
      if (tail === 0) return -Number.MAX_VALUE;
      return normaliser + lnGamma(total) + Math.log(tail) - total * Math.log(argument) + argument - shape;
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

function parameters(scale: number, tuning: Tuning): { precision: number; squared: number } {
  if (!(scale > 0)) throw new RangeError(`scale ${scale} of a mixture: expected a positive number`);
  return { precision: oneSidedPrecision(tuning), squared: scale * scale };
}
