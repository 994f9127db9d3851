/** Eppo's default of the sample size at which its sequence is tightest. */
export const EPPO_TUNING = 10_000;

/**
 * Eppo's sequential multiplier B after `n` units of both variants: the interval is estimate ± SE · B.
 * `B = √((n+ρ)/n · ln((n+ρ)/(ρ α²)))`, `ρ = N / (ln(1 − 2 ln α) − 2 ln α)`, N the tuning parameter.
 *
 * Source: docs.geteppo.com/statistics/confidence-intervals/statistical-nitty-gritty, eq. 17; Howard, Ramdas, McAuliffe, Sekhon,
 * Ann. Statist. 49(2), 2021, eq. 14. With ρ = 1/ρ² it is GrowthBook's two-sided sequence, at another default N.
 */
export function eppoMultiplier(n: number, alpha: number, tuning = EPPO_TUNING): number {
  if (!(n > 0)) throw new RangeError(`multiplier after ${n} units: expected at least one`);
  const rho = eppoRho(alpha, tuning);
  return Math.sqrt(((n + rho) / n) * (Math.log1p(n / rho) - 2 * Math.log(alpha)));
}

export function eppoRho(alpha: number, tuning = EPPO_TUNING): number {
  const lnInverse = -2 * Math.log(alpha);
  return tuning / (Math.log1p(lnInverse) + lnInverse);
}
