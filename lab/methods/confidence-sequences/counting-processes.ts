import { crossing, lnGamma } from '#libs/statistics';

/**
 * ln E against "both processes have the same intensity at all times", from their counts alone, under equal exposure (half of the traffic
 * each). The intensity may vary in time; the tilt is the test for unequal shares.
 *
 * Both counts are compared with the common expectation that is least in favour of a difference, which is their mean.
 * Source: Lindon & Kallus, "Anytime-valid continuous-time confidence processes for inhomogeneous Poisson processes", AISTATS
 * (arXiv 2410.09282).
 *
 * @param concentration of the gamma mixture over ratios of intensities around 1, fixed beforehand: the larger, the smaller the
 *   differences that it looks for.
 */
export function lnEEqualIntensities(countA: number, countB: number, concentration: number): number {
  const common = (checkedCount(countA) + checkedCount(countB)) / 2;
  return lnECount(countA, common, concentration) + lnECount(countB, common, concentration);
}

/**
 * Anytime-valid 1 − α interval of the number of events that was to be expected by now, from the number that came.
 * Assumption: a counting process with an intensity (no two events at once).
 */
export function expectedCountInterval(
  count: number,
  concentration: number,
  alpha: number,
): { low: number; high: number } {
  const threshold = -Math.log(alpha);
  const excess = (expected: number): number => lnECount(checkedCount(count), expected, concentration) - threshold;
  let above = 2 * count + 1;
  while (excess(above) < 0) above *= 2;
  return {
    low: excess(0) < 0 ? 0 : crossing((expected) => -excess(expected), 0, count),
    high: crossing(excess, count, above),
  };
}

/** ln of the gamma mixture of likelihood ratios of θ·expected to expected events, θ ~ Gamma(φ, φ), at this count. */
function lnECount(count: number, expected: number, phi: number): number {
  if (!(phi > 0)) throw new RangeError(`concentration ${phi}: expected a positive number`);
  return (
    lnGamma(phi + count) - lnGamma(phi) - count * Math.log(phi) - (phi + count) * Math.log1p(expected / phi) + expected
  );
}

function checkedCount(count: number): number {
  if (!(count >= 0)) throw new RangeError(`count ${count}: expected a number of at least 0`);
  return count;
}
