import type { Covariance } from '#libs/statistics';

/**
 * θ of CUPED: the slope of the value y on the covariate x, pooled within groups (variants, and stages of a ramp), so that no
 * difference between the groups leaks into it. One θ for all groups keeps the difference of adjusted means unbiased.
 * 0 where the covariate does not vary: then nothing is adjusted.
 *
 * Source: Deng, Xu, Kohavi, Walker, WSDM 2013, eq. 4. Assumption: x was fixed before the unit was assigned.
 */
export function pooledSlope(groups: Iterable<Covariance>): number {
  let xx = 0;
  let xy = 0;
  for (const { sumXX, sumXY } of groups) {
    xx += sumXX;
    xy += sumXY;
  }
  return xx > 0 ? xy / xx : 0;
}

/** The mean of y − θ(x − centre) over the units; null without units. */
export function adjustedMean({ n, meanX, meanY }: Covariance, theta: number, centre: number): number | null {
  return n === 0 ? null : meanY - theta * (meanX - centre);
}

/** Unbiased variance of y − θx over the units, with θ taken as known; null below two units. */
export function adjustedVariance({ n, sumXX, sumYY, sumXY }: Covariance, theta: number): number | null {
  if (n < 2) return null;
  // Rounding may leave a perfectly predicted value with a variance just below zero.
  return Math.max(0, sumYY - 2 * theta * sumXY + theta * theta * sumXX) / (n - 1);
}

/** Share of the variance of y that the covariate removes, the squared correlation within groups; null where y does not vary. */
export function varianceReduction(groups: Iterable<Covariance>): number | null {
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (const { sumXX, sumYY, sumXY } of groups) {
    xx += sumXX;
    yy += sumYY;
    xy += sumXY;
  }
  if (yy <= 0) return null;
  return xx > 0 ? Math.min(1, (xy * xy) / (xx * yy)) : 0;
}
