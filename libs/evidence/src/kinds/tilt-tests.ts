import { lnELessOften, lnEMoreOften, proofWeights, type Tilt, TILTS } from '#libs/statistics';
import { type Margin, MILLION } from '#libs/contracts';
import type { MetricTest } from '../catalogue/evidence-design.js';
import type { Tests } from './method.js';

/**
 * The tests of a rate by its events alone, at margins that are ratios of rates: a bad event may become more frequent by a factor
 * of 1 + margin, a good one rarer by the same factor, so that exchanging the variants exchanges the answers.
 * @param lnRatio ln of the largest allowed factor.
 */
export function tiltTests(
  tilt: Tilt,
  test: MetricTest,
  direction: 'higher' | 'lower',
  lnRatio: (margin: Margin) => number,
): Tests {
  const isBad = direction === 'lower';
  const worse = (at: number): number => (isBad ? lnEMoreOften(tilt, at) : lnELessOften(tilt, -at));
  const better = (at: number, weights?: readonly number[]): number =>
    isBad ? lnELessOften(tilt, at, weights) : lnEMoreOften(tilt, -at, TILTS, weights);
  return {
    margin: test.margin.value,
    harmful: worse(lnRatio(test.harmBeyond)),
    nonInferior: better(lnRatio(test.margin), proofWeights(1).tilts),
    superior: better(0),
    budget: test.budget.map(({ sharePpm, margin }) => ({
      sharePpm,
      margin: margin.value,
      lnENonInferior: better(lnRatio(margin), proofWeights(sharePpm / MILLION).tilts),
    })),
  };
}

/** ln of the factor a relative margin allows; what is absolute is taken as a share of `nominal`, and so is a floor. */
export function lnFactor({ kind, value, floor = 0 }: Margin, nominal = 1): number {
  return Math.log1p(kind === 'relative' ? Math.max(value, nominal < 1 ? floor / nominal : 0) : value / nominal);
}
