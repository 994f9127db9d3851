import { crossing } from '#libs/statistics';

/**
 * ln E against "the coefficient is 0" from an ordinary least-squares t statistic, valid however often the model is refitted as
 * units arrive, for normal errors of unknown variance; asymptotically for others:
 * `½ ln r − (ν + 1)/2 · [ln(1 + r t²/ν) − ln(1 + t²/ν)]`, r = g/(g + n).
 *
 * Source: Lindon, Ham, Tingley, Bojinov, "Anytime-valid linear models and regression-adjusted causal inference in randomised
 * experiments", arXiv 2210.08589, section 4. In randomised experiments it tests the average effect, adjusted for covariates.
 *
 * @param t estimate / standard error.
 * @param n units in the fit.
 * @param coefficients columns of the design, the intercept included; n − coefficients degrees of freedom are left.
 * @param g the prior's weight in units, fixed beforehand: see {@link tightestPriorWeight}.
 * @returns 0 with no degrees of freedom left: nothing is known.
 */
export function lnELinearModel(t: number, n: number, coefficients: number, g: number): number {
  checkWeight(g);
  const nu = n - coefficients;
  if (nu < 1) return 0;
  const share = g / (g + n);
  const square = (t * t) / nu;
  return (Math.log(share) - (nu + 1) * (Math.log1p(share * square) - Math.log1p(square))) / 2;
}

/**
 * How many standard errors the confidence sequence reaches to either side of the estimate. Infinite while too few degrees of freedom are
 * left: no t, however large, would be evidence enough.
 */
export function linearModelRadius(n: number, coefficients: number, g: number, alpha: number): number {
  checkWeight(g);
  const nu = n - coefficients;
  return nu < 1 ? Infinity : radius(nu, g / (g + n), alpha);
}

/** Its limit for many degrees of freedom, with the variance known: `√((n + g)/n · ln((n + g)/(gα²)))`. */
export function linearModelRadiusLargeSample(n: number, g: number, alpha: number): number {
  checkWeight(g);
  return Math.sqrt(((n + g) / n) * Math.log((n + g) / (g * alpha * alpha)));
}

/** The interval of a coefficient; null while it is infinite. */
export function linearModelInterval(
  fit: {
    readonly estimate: number;
    readonly standardError: number;
    readonly n: number;
    readonly coefficients: number;
  },
  g: number,
  alpha: number,
): { readonly low: number; readonly high: number } | null {
  const { estimate } = fit;
  const halfWidth = fit.standardError * linearModelRadius(fit.n, fit.coefficients, g, alpha);
  return Number.isFinite(halfWidth) ? { low: estimate - halfWidth, high: estimate + halfWidth } : null;
}

/**
 * The prior weight g whose sequence is narrowest at n units. Choose n beforehand.
 * @returns null with fewer than two degrees of freedom.
 */
export function tightestPriorWeight(n: number, coefficients: number, alpha: number): number | null {
  const nu = n - coefficients;
  if (nu < 2) return null;
  // Where the radius' derivative in r = g/(g + n) vanishes. Finite radii have rK < 1, so r ≤ α^(2/ν).
  const falling = (share: number): number => {
    const k = growth(nu, share, alpha);
    return nu * share * (k - 1) - (1 - share * k);
  };
  const share = crossing(falling, 0, Math.min(1, alpha ** (2 / nu)));
  return (n * share) / (1 - share);
}

function radius(nu: number, share: number, alpha: number): number {
  const k = growth(nu, share, alpha);
  return share * k < 1 ? Math.sqrt((nu * (k - 1)) / (1 - share * k)) : Infinity;
}

/** (α²r)^(−1/(ν + 1)): what (1 + t²/ν)/(1 + r t²/ν) has to reach. */
function growth(nu: number, share: number, alpha: number): number {
  return Math.exp(-(2 * Math.log(alpha) + Math.log(share)) / (nu + 1));
}

function checkWeight(g: number): void {
  if (!(g > 0)) throw new RangeError(`prior weight ${g}: expected a positive number`);
}
