import golden from '../../../libs/testing/golden/confidence_sequences.json' with { type: 'json' };
import {
  bernoulliInterval,
  approximateRhoSquared,
  asymptoticHalfWidth,
  asymptoticLnE,
  asymptoticOneSidedHalfWidth,
  asymptoticOneSidedP,
  exactRhoSquared,
  initialMeanDifference,
  meanDifference,
  mixtureBound,
  observeMean,
  quantileRankBounds,
  quantileRanks,
} from '#libs/statistics';
import { describeGolden, type Numbers } from '#libs/testing/figures';
import {
  empiricalBernsteinInterval,
  initialEmpiricalBernstein,
  observeEmpiricalBernstein,
} from './empirical-bernstein-sequence.js';
import { oneSidedNormalMixture, twoSidedNormalBound, twoSidedNormalMixture } from './normal-mixture.js';

type Ramp = readonly (readonly [propensity: number, observations: number])[];
/** Ours as the numbers another implementation gave, in its order. */
const ours: Readonly<Record<string, (...args: never[]) => Numbers>> = {
  rhoSquared: (alpha: number, tightestAt: number) => [
    exactRhoSquared(alpha, tightestAt),
    approximateRhoSquared(alpha, tightestAt),
  ],
  asymptoticHalfWidth: (...[standardError, n, alpha, tightestAt]: [number, number, number, number]) => [
    asymptoticHalfWidth(standardError, n, alpha, exactRhoSquared(alpha, tightestAt)),
    asymptoticHalfWidth(standardError, n, alpha, approximateRhoSquared(alpha, tightestAt)),
  ],
  asymptoticOneSidedHalfWidth: (...[standardError, n, alpha, tightestAt]: [number, number, number, number]) => [
    asymptoticOneSidedHalfWidth(standardError, n, alpha, approximateRhoSquared(2 * alpha, tightestAt)),
  ],
  asymptoticLnE: (z: number, n: number, rhoSquared: number) => [asymptoticLnE(0.4 * z, 0.4, n, rhoSquared)],
  asymptoticOneSidedP: (z: number, n: number, rhoSquared: number) => [asymptoticOneSidedP(0.4 * z, 0.4, n, rhoSquared)],
  'normal mixture bounds': (v: number, at: number, alpha: number) => [
    twoSidedNormalBound(v, alpha, { at, alpha }),
    mixtureBound(oneSidedNormalMixture({ at, alpha }), v, alpha),
  ],
  'normal mixtures': (...[s, v, at, alpha]: [number, number, number, number]) => [
    twoSidedNormalMixture({ at, alpha }).lnE(s, v),
    oneSidedNormalMixture({ at, alpha }).lnE(s, v),
  ],
  quantileRankBounds: (...args: [number, number, number, number]) => ends(quantileRankBounds(...args)),
  quantileRanks: (...args: [number, number, number, number]) => ends(quantileRanks(...args)),
  bernoulliInterval: (...args: [number, number, number, number, number]) => {
    const [successes, n, alpha, at, tunedAlpha] = args;
    return ends(bernoulliInterval(successes, n, alpha, { at, alpha: tunedAlpha }));
  },
  empiricalBernstein: (values: number[], alpha: number, largestBet: number, looks: number[]) => {
    const state = initialEmpiricalBernstein(alpha, largestBet);
    return values.flatMap((value, index) => {
      observeEmpiricalBernstein(state, value);
      return looks.includes(index + 1) ? ends(empiricalBernsteinInterval(state)) : [];
    });
  },
  meanDifference: (arms: string, ramp: Ramp, values: number[], alpha: number) => {
    const state = initialMeanDifference();
    const propensities = ramp.flatMap(([propensity, count]) => Array.from({ length: count }, () => propensity));
    values.forEach((value, index) =>
      observeMean(state, arms[index] === '1' ? 'candidate' : 'control', propensities[index] as number, value),
    );
    const { control, candidate, difference, interval } = meanDifference(state, alpha);
    return [control, candidate, difference, ...ends(interval)];
  },
};

/** Relative. */
const TOLERANCE = 1e-9;

describeGolden('confidence sequences', golden.values, ours, (wanted) => TOLERANCE * Math.abs(wanted) + 1e-12);

function ends(interval: { readonly low: number; readonly high: number } | null): Numbers {
  return [interval?.low, interval?.high];
}
