import { lnELessOften, lnEMoreOften, type ProofWeights, proofWeights, type Tilt, TILTS } from '#libs/statistics';
import { type Margin, MILLION } from '#libs/contracts';
import type { MetricTest } from '../catalogue/evidence-design.js';
import type { Tests } from './method.js';

/** ln E against "at most" and "at least e^boundary times as often", of events whose evidence is kept in whatever way. */
export interface TiltReader {
  /** How its tilts are weighed in the proof that opens a share of the traffic. */
  readonly weightsAt: (share: number) => ProofWeights;
  readonly moreOften: (boundary: number, weights?: readonly number[]) => number;
  readonly lessOften: (boundary: number, weights?: readonly number[]) => number;
}

/** {@link testsByTilt} of units drawn one by one. */
export function tiltTests(
  tilt: Tilt,
  test: MetricTest,
  direction: 'higher' | 'lower',
  lnRatio: (margin: Margin) => number,
): Tests {
  const reader: TiltReader = {
    weightsAt: proofWeights,
    moreOften: (boundary, weights) => lnEMoreOften(tilt, boundary, TILTS, weights),
    lessOften: (boundary, weights) => lnELessOften(tilt, boundary, weights),
  };
  return testsByTilt(reader, test, direction, lnRatio);
}

/**
 * The tests of a rate by its events alone, at margins that are ratios of rates: a bad event may become more frequent by a factor
 * of 1 + margin, a good one rarer by the same factor, so that exchanging the variants exchanges the answers.
 * @param lnRatio ln of the largest allowed factor.
 */
export function testsByTilt(
  { weightsAt, moreOften, lessOften }: TiltReader,
  test: MetricTest,
  direction: 'higher' | 'lower',
  lnRatio: (margin: Margin) => number,
): Tests {
  const isBad = direction === 'lower';
  const worse = (at: number): number => (isBad ? moreOften(at) : lessOften(-at));
  const better = (at: number, weights?: readonly number[]): number =>
    isBad ? lessOften(at, weights) : moreOften(-at, weights);
  return {
    margin: test.margin.value,
    harmful: worse(lnRatio(test.harmBeyond)),
    nonInferior: better(lnRatio(test.margin), weightsAt(1).tilts),
    superior: better(0),
    budget: test.budget.map(({ sharePpm, margin }) => ({
      sharePpm,
      margin: margin.value,
      lnENonInferior: better(lnRatio(margin), weightsAt(sharePpm / MILLION).tilts),
    })),
  };
}

/** ln of the factor a relative margin allows; what is absolute is taken as a share of `nominal`, and so is a floor. */
export function lnFactor({ kind, value, floor = 0 }: Margin, nominal = 1): number {
  return Math.log1p(kind === 'relative' ? Math.max(value, nominal < 1 ? floor / nominal : 0) : value / nominal);
}
