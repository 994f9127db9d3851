import { lnBeta, lnGammaStep, stirlingCorrection, unitDeviance } from '#libs/statistics';
import { type LnTails, lnTailsFromLower, lnTailsFromUpper, mirrored } from './ln-tails.js';
import { logConcaveQuantile } from './quantile-search.js';
import { densitySeries, uniformTails } from './uniform-expansion.js';

const UNIFORM_FROM = 20;
const ALMOST_ALL = Math.log(0.9);

/**
 * A point of the unit interval with its complement y = 1 − x and both logarithms, each as precise as it can be known: next to 0
 * and 1, and where x itself underflows, one of the four would not do.
 */
export interface UnitPoint {
  readonly x: number;
  readonly y: number;
  readonly lnX: number;
  readonly lnY: number;
}

/**
 * P(X ≤ x) of a beta variable: the regularised incomplete beta function I_x(a, b), a and b > 0.
 *
 * To 1e-12 relative for results above 1e-290 and parameters up to 1e6; beyond, the rounding of x itself weighs more (1e-11 at
 * 1e8). The cost does not grow with the parameters.
 * Source: continued fraction (DLMF 8.17.22, its even part as in DiDonato & Morris, ACM TOMS 18(3), 1992, algorithm 708), and a
 * uniform expansion around the mean where ab/(a + b) ≥ 20.
 */
export function betaLowerTail(x: number, a: number, b: number): number {
  return Math.exp(lnBetaLowerTail(x, a, b));
}

/** P(X ≥ x) of a beta variable, computed directly where it is small. */
export function betaUpperTail(x: number, a: number, b: number): number {
  return Math.exp(lnBetaUpperTail(x, a, b));
}

/** ln I_x(a, b): finite also where the tail is below the smallest double. */
export function lnBetaLowerTail(x: number, a: number, b: number): number {
  return lnBetaTails(pointAt(x), a, b).lnLower;
}

/** ln of the upper tail of a beta variable. */
export function lnBetaUpperTail(x: number, a: number, b: number): number {
  return lnBetaTails(pointAt(x), a, b).lnUpper;
}

/** The x with I_x(a, b) = p, p in [0, 1]. */
export function betaQuantile(p: number, a: number, b: number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`beta quantile of ${p}: expected a probability`);
  checkParameters(a, b);
  if (p === 0 || p === 1) return p;
  const lnOdds = betaLnOddsQuantile({ lnLower: Math.log(p), lnUpper: Math.log1p(-p) }, a, b);
  return pointFromOdds(Math.exp(lnOdds), lnOdds).x;
}

/** ln(x / (1 − x)) of the x at which a beta distribution has these tails. */
export function betaLnOddsQuantile(wanted: LnTails, a: number, b: number): number {
  return logConcaveQuantile(
    wanted,
    Math.log(a) - Math.log(b),
    (u) => lnBetaTails(pointFromOdds(Math.exp(u), u), a, b),
    (u) => lnDensityOfOdds(pointFromOdds(Math.exp(u), u), a, b),
  );
}

/** The point with these odds x / (1 − x), 0 ≤ odds ≤ ∞; `lnOdds` where the odds themselves under- or overflow. */
export function pointFromOdds(odds: number, lnOdds = Math.log(odds)): UnitPoint {
  if (odds > 1) return mirroredPoint(pointFromOdds(1 / odds, -lnOdds));
  const lnY = -Math.log1p(odds);
  return { x: odds / (1 + odds), y: 1 / (1 + odds), lnX: lnOdds + lnY, lnY };
}

/** ln of both tails at a point. */
export function lnBetaTails(point: UnitPoint, a: number, b: number): LnTails {
  checkParameters(a, b);
  if (point.lnX === -Infinity) return { lnLower: -Infinity, lnUpper: 0 };
  if (point.lnY === -Infinity) return { lnLower: 0, lnUpper: -Infinity };
  const r = a * (b / (a + b));
  if (r >= UNIFORM_FROM) {
    const exponent = exponentOf(point, a, b);
    const eta = Math.sign(b * point.x - a * point.y) * Math.sqrt((2 * exponent) / r);
    if (Math.abs(eta) < 1) {
      return uniformTails(densitySeries((b - a) / (a + b), -r / (a + b)), r, eta, exponent);
    }
  }
  return point.x * (a + b + 2) > a + 1
    ? mirrored(tailsBelowCentre(mirroredPoint(point), b, a))
    : tailsBelowCentre(point, a, b);
}

function tailsBelowCentre(point: UnitPoint, a: number, b: number): LnTails {
  const lnLower = lnDensityOfOdds(point, a, b) - Math.log(lowerFraction(point, a, b));
  return lnLower > ALMOST_ALL ? lnTailsFromUpper(lnUpperOfSmallParameter(point, a, b)) : lnTailsFromLower(lnLower);
}

/** ln of x^a y^b / B(a, b), the density of ln(x / y); for large parameters with the cancelling parts combined beforehand. */
function lnDensityOfOdds(point: UnitPoint, a: number, b: number): number {
  if (Math.min(a, b) < 10) return a * point.lnX + b * point.lnY - lnBeta(a, b);
  const correction = stirlingCorrection(a + b) - stirlingCorrection(a) - stirlingCorrection(b);
  return 0.5 * Math.log((a * (b / (a + b))) / (2 * Math.PI)) + correction - exponentOf(point, a, b);
}

/** −ln of (x/p)^a (y/q)^b, where p = a/(a + b) is the mean and q = 1 − p. */
function exponentOf({ x, y, lnX, lnY }: UnitPoint, a: number, b: number): number {
  const below = a * y - b * x; // (a + b)(p − x)
  return (
    a * unitDeviance(-below / a, lnProduct(x, lnX, 1 + b / a)) +
    b * unitDeviance(below / b, lnProduct(y, lnY, 1 + a / b))
  );
}

/** ln(x factor): of the product, unless x is so small that ln x has more digits than x. */
function lnProduct(x: number, lnX: number, factor: number): number {
  return x > 1e-290 ? Math.log(x * factor) : lnX + Math.log(factor);
}

/** x^a y^b / (B(a, b) I_x(a, b)) as a continued fraction, evaluated by Lentz's method; x (a + b + 2) ≤ a + 1. */
function lowerFraction({ x, y }: UnitPoint, a: number, b: number): number {
  const start = a * y - b * x + 1;
  let fraction = (a * start) / (a + 1);
  let c = fraction;
  let d = 0;
  for (let n = 1, factor = 0; Math.abs(factor - 1) > 2e-16 && n < 10_000; n++) {
    const odd = a + 2 * n - 1;
    const numerator = ((a + n - 1) / odd) * (((a + b + n - 1) * x) / odd) * n * ((b - n) * x);
    const denominator = n + (n * ((b - n) * x)) / odd + ((a + n) / (odd + 2)) * (start + n * (1 + y));
    d = 1 / (denominator + numerator * d);
    c = denominator + numerator / c;
    factor = c * d;
    fraction *= factor;
  }
  return fraction;
}

/**
 * ln of the upper tail for a small a and x below the centre, where the lower tail is near 1: from the power series
 * x^a / (a B(a, b)) · (1 + a Σ (1 − b)_n x^n / (n! (a + n))) (DLMF 8.17.7), the leading 1s cancelled beforehand.
 */
function lnUpperOfSmallParameter({ x, lnX }: UnitPoint, a: number, b: number): number {
  // ln(a B(a, b)) = ln Γ(1 + a) − ln(Γ(a + b) / Γ(b))
  const lnFactor = a * lnX - lnGammaStep(1, a) + lnGammaStep(b, a);
  let power = 1;
  let sum = 0;
  for (let n = 1; Math.abs(power) > 1e-18; n++) {
    power *= ((n - b) / n) * x;
    sum += power / (a + n);
  }
  return Math.log(-Math.expm1(lnFactor) - Math.exp(lnFactor) * a * sum);
}

/** Outside the unit interval: the nearer end. */
function pointAt(x: number): UnitPoint {
  if (Number.isNaN(x)) throw new RangeError(`beta tail at ${x}: expected a number`);
  const inside = Math.min(Math.max(x, 0), 1);
  return { x: inside, y: 1 - inside, lnX: Math.log(inside), lnY: Math.log1p(-inside) };
}

function mirroredPoint({ x, y, lnX, lnY }: UnitPoint): UnitPoint {
  return { x: y, y: x, lnX: lnY, lnY: lnX };
}

function checkParameters(a: number, b: number): void {
  if (!(a > 0 && b > 0 && a + b < Infinity)) {
    throw new RangeError(`beta parameters ${a} and ${b}: expected two positive finite numbers`);
  }
}
