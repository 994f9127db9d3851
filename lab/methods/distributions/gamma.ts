import { lnGamma, lnGammaStep, stirlingCorrection, unitDeviance } from '#libs/statistics';
import { type LnTails, lnTailsFromLower, lnTailsFromUpper } from './ln-tails.js';
import { logConcaveQuantile } from './quantile-search.js';
import { densitySeries, uniformTails } from './uniform-expansion.js';

const UNIFORM_FROM = 20;
const ALMOST_ALL = Math.log(0.9);
/** Below, the logarithm of a double has more digits than the double. */
const SMALLEST = 1e-290;
const gammaSeries = densitySeries(1, 0);

/**
 * P(X ≤ x) of a gamma variable with this shape and scale 1: the regularised incomplete gamma function P(shape, x).
 *
 * To 1e-12 relative for results above 1e-290, and for any shape: the cost does not grow with it.
 * Source: series and continued fraction (DLMF 8.11.4, 8.9.2), Temme's uniform expansion where shape ≥ 20 and x is near it.
 */
export function gammaLowerTail(x: number, shape: number): number {
  return Math.exp(lnGammaTails(x, shape).lnLower);
}

/** P(X ≥ x) of a gamma variable with this shape and scale 1: Q(shape, x), computed directly where it is small. */
export function gammaUpperTail(x: number, shape: number): number {
  return Math.exp(lnGammaTails(x, shape).lnUpper);
}

/** ln Q(shape, x): finite also where the tail is below the smallest double. */
export function lnGammaUpperTail(x: number, shape: number): number {
  return lnGammaTails(x, shape).lnUpper;
}

/** P(X ≤ x) of a chi-square variable with df > 0 degrees of freedom, which need not be an integer. */
export function chiSquareLowerTail(x: number, df: number): number {
  return gammaLowerTail(x / 2, df / 2);
}

/** P(X ≥ x) of a chi-square variable with df > 0 degrees of freedom. */
export function chiSquareUpperTail(x: number, df: number): number {
  return gammaUpperTail(x / 2, df / 2);
}

/** The x with P(X ≤ x) = p of a chi-square variable with df > 0 degrees of freedom; 0 and ∞ at p = 0 and 1. */
export function chiSquareQuantile(p: number, df: number): number {
  const shape = checkedShape(df / 2);
  if (!(p >= 0 && p <= 1)) throw new RangeError(`chi-square quantile of ${p}: expected a probability`);
  if (p === 0) return 0;
  if (p === 1) return Infinity;
  const lnX = logConcaveQuantile(
    { lnLower: Math.log(p), lnUpper: Math.log1p(-p) },
    Math.log(shape),
    (u) => tailsAt(Math.exp(u), u, shape),
    (u) => lnDensityOfLog(Math.exp(u), u, shape),
  );
  return 2 * Math.exp(lnX);
}

/** P(N ≤ count) of a Poisson count with this mean ≥ 0. */
export function poissonLowerTail(count: number, mean: number): number {
  return count < 0 ? 0 : gammaUpperTail(checkedMean(mean), Math.floor(count) + 1);
}

/** P(N ≥ count) of a Poisson count with this mean ≥ 0. */
export function poissonUpperTail(count: number, mean: number): number {
  return count <= 0 ? 1 : gammaLowerTail(checkedMean(mean), Math.ceil(count));
}

function lnGammaTails(x: number, shape: number): LnTails {
  checkedShape(shape);
  if (Number.isNaN(x)) throw new RangeError(`gamma tail at ${x}: expected a number`);
  if (x <= 0) return { lnLower: -Infinity, lnUpper: 0 };
  if (x === Infinity) return { lnLower: 0, lnUpper: -Infinity };
  return tailsAt(x, Math.log(x), shape);
}

/** x may have underflowed to 0 where ln x has not. */
function tailsAt(x: number, lnX: number, shape: number): LnTails {
  if (shape >= UNIFORM_FROM) {
    const exponent = exponentOf(x, lnX, shape);
    const eta = Math.sign(x - shape) * Math.sqrt((2 * exponent) / shape);
    if (Math.abs(eta) < 1) return uniformTails(gammaSeries, shape, eta, exponent);
  }
  const lnDensity = lnDensityOfLog(x, lnX, shape);
  if (x >= shape + 1) return lnTailsFromUpper(lnDensity + Math.log(upperFraction(x, shape)));
  const lnLower = lnDensity + Math.log(lowerSeries(x, shape) / shape);
  return lnLower > ALMOST_ALL ? lnTailsFromUpper(lnUpperOfSmallShape(x, lnX, shape)) : lnTailsFromLower(lnLower);
}

/** ln of x^shape e^(−x) / Γ(shape), the density of ln X; for large shapes with the cancelling parts combined beforehand. */
function lnDensityOfLog(x: number, lnX: number, shape: number): number {
  if (shape < 10) return shape * lnX - x - lnGamma(shape);
  return 0.5 * Math.log(shape / (2 * Math.PI)) - exponentOf(x, lnX, shape) - stirlingCorrection(shape);
}

/** shape · (x/shape − 1 − ln(x/shape)) */
function exponentOf(x: number, lnX: number, shape: number): number {
  const lnRatio = x > SMALLEST ? Math.log(x / shape) : lnX - Math.log(shape);
  return shape * unitDeviance((x - shape) / shape, lnRatio);
}

/** Σ x^n / ((shape + 1) … (shape + n)); x < shape + 1. */
function lowerSeries(x: number, shape: number): number {
  let term = 1;
  let sum = 1;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= x / (shape + n);
    sum += term;
  }
  return sum;
}

/** Q(shape, x) Γ(shape) e^x x^(−shape) as a continued fraction, evaluated by Lentz's method; x ≥ shape + 1. */
function upperFraction(x: number, shape: number): number {
  let b = x + 1 - shape;
  let c = Infinity;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1, factor = 0; Math.abs(factor - 1) > 2e-16 && n < 10_000; n++) {
    const a = n * (shape - n);
    b += 2;
    d = 1 / (b + a * d);
    c = b + a / c;
    factor = c * d;
    fraction *= factor;
  }
  return fraction;
}

/**
 * ln Q for a small shape and x below about 1, where P is near 1: 1 − x^a/Γ(1 + a) · (1 + a Σ (−x)^n / (n! (a + n))), with
 * a = shape and the leading 1s cancelled beforehand (DiDonato & Morris, ACM TOMS 12(4), 1986, equation 10).
 */
function lnUpperOfSmallShape(x: number, lnX: number, shape: number): number {
  const lnFactor = shape * lnX - lnGammaStep(1, shape);
  let power = 1;
  let sum = 0;
  for (let n = 1; Math.abs(power) > 1e-18; n++) {
    power *= -x / n;
    sum += power / (shape + n);
  }
  return Math.log(-Math.expm1(lnFactor) - Math.exp(lnFactor) * shape * sum);
}

function checkedShape(shape: number): number {
  if (!(shape > 0 && shape < Infinity)) throw new RangeError(`shape ${shape}: expected a positive finite number`);
  return shape;
}

function checkedMean(mean: number): number {
  if (!(mean >= 0)) throw new RangeError(`Poisson mean ${mean}: expected a number ≥ 0`);
  return mean;
}
