import { approximateRhoSquared, asymptoticHalfWidth } from '#libs/statistics';

/** GrowthBook's default of the sample size at which its sequence is tightest. */
export const GROWTHBOOK_TUNING = 5_000;

/**
 * Half-width of GrowthBook's two-sided sequence, Waudby-Smith et al., arXiv 2103.06476v7, eq. 9.
 * (docs.growthbook.io/statistics/sequential: "Asymptotic Confidence Sequences", N* the tuning parameter.)
 *
 * @param n units of both variants together.
 */
export function sequentialHalfWidth(
  standardError: number,
  n: number,
  alpha: number,
  tuning = GROWTHBOOK_TUNING,
): number {
  return asymptoticHalfWidth(standardError, n, alpha, approximateRhoSquared(alpha, tuning));
}

/**
 * Half-width of the one-sided sequence that safe rollouts are judged by: `SE √n √(2(nρ²+1)/(n²ρ²) · ln(1 + √(nρ²+1)/(2α)))`,
 * ρ tuned at 2α. Waudby-Smith et al., arXiv 2103.06476v7, appendix on one-sided sequences; the
 * digits are checked against GrowthBook's own.
 */
export function oneSidedSequentialHalfWidth(
  standardError: number,
  n: number,
  alpha: number,
  tuning = GROWTHBOOK_TUNING,
): number {
  const rhoSquared = sequentialRho(2 * alpha, tuning) ** 2;
  const growth = n * rhoSquared + 1;
  return standardError * Math.sqrt(((2 * growth) / (n * rhoSquared)) * Math.log1p(Math.sqrt(growth) / (2 * alpha)));
}

/** ρ at which the two-sided sequence is tightest after `tuning` units, by its closed approximation (ibid., eq. 161). */
export function sequentialRho(alpha: number, tuning = GROWTHBOOK_TUNING): number {
  const lnInverse = -2 * Math.log(alpha);
  return Math.sqrt((lnInverse + Math.log1p(lnInverse)) / tuning);
}

/** ln of the e-value that the two-sided sequence inverts: `ρ²n z²/(2(nρ²+1)) − ½ ln(nρ²+1)`, z = estimate / SE. */
export function sequentialLnE(z: number, n: number, alpha: number, tuning = GROWTHBOOK_TUNING): number {
  const nRhoSquared = n * sequentialRho(alpha, tuning) ** 2;
  return (nRhoSquared * z * z) / (2 * (nRhoSquared + 1)) - 0.5 * Math.log1p(nRhoSquared);
}

/** Always-valid p-value of the two-sided sequence: the α at which the interval of this fixed ρ just excludes 0; at most 1. */
export function sequentialP(z: number, n: number, alpha: number, tuning = GROWTHBOOK_TUNING): number {
  return Math.min(1, Math.exp(-sequentialLnE(z, n, alpha, tuning)));
}

/**
 * The same for the one-sided sequence, z > 0 in the direction looked for: `√(nρ²+1) / (2(e^{z² nρ²/(2(nρ²+1))} − 1))`, at most 1.
 *
 * This is the exact root. GrowthBook finds it by bisection, returns the midpoint after the one that converged and stops at
 * .4999, so that its digits differ from the third place on (.46316 for .46305).
 */
export function oneSidedSequentialP(z: number, n: number, alpha: number, tuning = GROWTHBOOK_TUNING): number {
  if (z <= 0) return 1;
  const nRhoSquared = n * sequentialRho(2 * alpha, tuning) ** 2;
  const excess = Math.expm1((z * z * nRhoSquared) / (2 * (nRhoSquared + 1)));
  return Math.min(1, Math.sqrt(nRhoSquared + 1) / (2 * excess));
}
