import { erf, erfc, erfcInverse, normalQuantile } from '#libs/statistics';
import { describeVectors } from '#libs/testing/figures';
import { betaLowerTail, betaUpperTail } from './beta.js';
import { gammaLowerTail, gammaUpperTail } from './gamma.js';
import { studentTLowerTail, studentTQuantile, studentTUpperTail } from './student-t.js';

describeVectors('special functions', ({ id, method, inputs }) => {
  const { a, b, x, t, nu, p } = inputs as Readonly<Record<string, number>> as Readonly<
    Record<'a' | 'b' | 'x' | 't' | 'nu' | 'p', number>
  >;
  switch (method) {
    case 'Student t CDF and upper tail':
      return { cdf: studentTLowerTail(t, nu), sf: studentTUpperTail(t, nu) };
    case 'Student t quantile':
      return { x: studentTQuantile(p, nu) };
    case 'standard normal quantile':
      return { x: normalQuantile(p) };
    case 'erf / erfc':
      return { erf: erf(x), erfc: erfc(x) };
    case 'inverse erfc (normal quantile = -sqrt(2) erfcinv(2p))':
      return { erfcinv: erfcInverse(p), normal_quantile_of_half_p: normalQuantile(p / 2) };
    case 'regularised incomplete beta I_x(a,b) and complement':
      return { I: betaLowerTail(x, a, b), Ic: betaUpperTail(x, a, b) };
    case 'regularised incomplete gamma Q(a,x), P(a,x)':
      return { Q: gammaUpperTail(x, a), P: gammaLowerTail(x, a) };
    default:
      throw new RangeError(`${id}: no function for "${method}"`);
  }
});
