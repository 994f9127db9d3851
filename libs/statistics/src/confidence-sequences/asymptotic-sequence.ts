/** Sample size at which the sequence is tightest; fixed beforehand. */
const TIGHTEST_AT = 5_000;

/**
 * Half-width of the asymptotic confidence sequence for a mean whose estimate has the standard error `standardError` after `n`
 * observations: covers at all n at once with probability 1 − α, asymptotically (after a burn-in).
 *
 * Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, arXiv 2103.06476, eq. 24, with ρ² by its closed approximation.
 * For the eye: at small shares, while variances are still poorly known, its error rate is above α, so it decides nothing.
 */
export function asymptoticHalfWidth(standardError: number, n: number, alpha: number, tightestAt = TIGHTEST_AT): number {
  const rhoSquared = (-2 * Math.log(alpha) + Math.log(1 - 2 * Math.log(alpha))) / tightestAt;
  const growth = n * rhoSquared + 1;
  return (
    standardError *
    Math.sqrt(n) *
    Math.sqrt(((2 * growth) / (n * n * rhoSquared)) * Math.log(Math.sqrt(growth) / alpha))
  );
}
