import { lnNormalUpperTail, type Mixture, mixturePrecision, oneSidedPrecision, type Tuning } from '#libs/statistics';

/**
 * For sub-Gaussian sums, deviations to either side at once: `½ ln(ρ/(v + ρ)) + s²/(2(v + ρ))`.
 * Source: Howard, Ramdas, McAuliffe, Sekhon 2021, eq. 14 (Robbins 1970). The asymptotic sequence is this at v = n.
 */
export function twoSidedNormalMixture(tuning: Tuning): Mixture {
  const precision = mixturePrecision(tuning);
  return {
    lnE: (s, v) => (Math.log(precision / (v + precision)) + (s * s) / (v + precision)) / 2,
    largest: () => Infinity,
  };
}

/** Its bound in closed form, `√((v + ρ) ln((v + ρ)/(ρα²)))`. */
export function twoSidedNormalBound(v: number, alpha: number, tuning: Tuning): number {
  const precision = mixturePrecision(tuning);
  return Math.sqrt((v + precision) * (Math.log1p(v / precision) - 2 * Math.log(alpha)));
}

/**
 * For sub-Gaussian sums, upward deviations only: `½ ln(4ρ/(v + ρ)) + s²/(2(v + ρ)) + ln Φ(s/√(v + ρ))`.
 * Source: Howard, Ramdas, McAuliffe, Sekhon 2021, Prop. 6 (a half-normal mixture).
 */
export function oneSidedNormalMixture(tuning: Tuning): Mixture {
  const precision = oneSidedPrecision(tuning);
  return {
    lnE(s, v) {
      const total = v + precision;
      return (Math.log((4 * precision) / total) + (s * s) / total) / 2 + lnNormalUpperTail(-s / Math.sqrt(total));
    },
    largest: () => Infinity,
  };
}
