const HALF_LN_TWO_PI = 0.5 * Math.log(2 * Math.PI);

/**
 * ln B(a, b) for a, b > 0, to about 1e-13 relative also where a and b are 1e8 and the three log-gammas would cancel.
 *
 * Source: Stirling's series with its Binet correction taken out of the difference (DiDonato & Morris, ACM TOMS 18(3), 1992,
 * algorithm 708 `betaln`): the large terms are combined before they are rounded.
 */
export function lnBeta(a: number, b: number): number {
  if (!(a > 0) || !(b > 0)) throw new RangeError(`lnBeta(${a}, ${b}): expected two positive numbers`);
  const small = Math.min(a, b);
  const large = Math.max(a, b);
  const total = small + large;
  if (small >= 10) {
    const correction = stirlingCorrection(small) + stirlingCorrection(large) - stirlingCorrection(total);
    return (
      -0.5 * Math.log(large) +
      HALF_LN_TWO_PI +
      correction +
      (small - 0.5) * Math.log(small / total) +
      large * Math.log1p(-small / total)
    );
  }
  if (large >= 10) {
    const correction = stirlingCorrection(large) - stirlingCorrection(total);
    // ln Γ(large) − ln Γ(total) by Stirling, its cancelling parts combined.
    return lnGamma(small) + correction + small - small * Math.log(total) + (large - 0.5) * Math.log1p(-small / total);
  }
  return lnGamma(small) + lnGamma(large) - lnGamma(total);
}

/** ln Γ(x) for x > 0: shifted above 10 by the recurrence, then Stirling's series. About 1e-14 relative. */
export function lnGamma(x: number): number {
  if (!(x > 0)) throw new RangeError(`lnGamma(${x}): expected a positive number`);
  let shift = 1;
  let argument = x;
  while (argument < 10) {
    shift *= argument;
    argument += 1;
  }
  return (
    (argument - 0.5) * Math.log(argument) - argument + HALF_LN_TWO_PI + stirlingCorrection(argument) - Math.log(shift)
  );
}

/**
 * ln Γ(x + step) − ln Γ(x) for x > 0 and 0 < step ≤ 1, to 1e-15 relative also where the step is tiny and the difference of
 * two log-gammas would be noise. Recurrence up to 10, then Stirling's series term by term.
 */
export function lnGammaStep(x: number, step: number): number {
  let shifted = 0;
  let argument = x;
  while (argument < 10) {
    shifted += Math.log1p(step / argument);
    argument += 1;
  }
  const lnRatio = Math.log1p(step / argument);
  let correction = 0;
  STIRLING.forEach((coefficient, k) => {
    correction += coefficient * argument ** -(2 * k + 1) * Math.expm1(-(2 * k + 1) * lnRatio);
  });
  return (argument - 0.5) * lnRatio + step * (Math.log(argument + step) - 1) + correction - shifted;
}

/** Coefficients of x^−1, x^−3, … in Binet's μ(x) (Abramowitz & Stegun 6.1.41). */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156];

/** Binet's μ(x) = ln Γ(x) − [(x − ½) ln x − x + ½ ln 2π] for x ≥ 10. */
export function stirlingCorrection(x: number): number {
  const square = 1 / (x * x);
  return STIRLING.reduceRight((sum, coefficient) => sum * square + coefficient, 0) / x;
}
