import {
  erf,
  lnBeta,
  lnGamma,
  lnGammaStep,
  logMeanExp,
  logOneMinusExp,
  logSumExp,
  scaledErfc,
  stirlingCorrection,
  unitDeviance,
} from '#libs/statistics';
import golden from '../../../libs/testing/golden/special_functions.json' with { type: 'json' };
import { describeGolden } from '#libs/testing/figures';
import { lnBinomialCoefficient } from './binomial.js';

const ours: Readonly<Record<string, (...args: never[]) => readonly number[]>> = {
  lnGamma: (x: number) => [lnGamma(x)],
  stirlingCorrection: (x: number) => [stirlingCorrection(x)],
  lnGammaStep: (x: number, step: number) => [lnGammaStep(x, step)],
  lnBeta: (a: number, b: number) => [lnBeta(a, b)],
  logSumExp: (terms: readonly number[]) => [logSumExp(terms)],
  logMeanExp: (terms: readonly number[]) => [logMeanExp(terms)],
  logOneMinusExp: (x: number) => [logOneMinusExp(x)],
  scaledErfc: (x: number) => [scaledErfc(x)],
  unitDeviance: (u: number) => [unitDeviance(u)],
  erf: (x: number) => [erf(x)],
  lnBinomialCoefficient: (n: number, k: number) => [lnBinomialCoefficient(n, k)],
};

// lnGamma has zeros at 1 and 2: there its error is absolute.
describeGolden('special functions', golden.values, ours, (wanted) => 1e-13 * Math.abs(wanted) + 4e-15);
