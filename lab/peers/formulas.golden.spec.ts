import golden from '../../libs/testing/golden/peer_formulas.json' with { type: 'json' };
import { answered } from '#libs/testing/figures';
import { describeGolden, type Numbers } from '#libs/testing/figures';
import { eppoMultiplier, eppoRho } from './eppo.js';
import { normalRisk } from './growthbook-bayesian.js';
import { midExperimentPower } from './growthbook-power.js';
import {
  oneSidedSequentialHalfWidth,
  oneSidedSequentialP,
  sequentialHalfWidth,
  sequentialLnE,
  sequentialP,
  sequentialRho,
} from './growthbook-sequential.js';
import { sampleRatioTest } from './growthbook-tests.js';
import { cohensD } from './kayenta.js';
import { compareProportions, type Sums, welchFromSums } from './spotify.js';
import { statsigCritical } from './statsig.js';

type Pair = readonly [number, number];

const ours: Readonly<Record<string, (...args: never[]) => Numbers>> = {
  sampleRatioTest: (units: readonly number[], weights: readonly number[]) => {
    const { statistic, p } = sampleRatioTest(units, weights);
    return [statistic, p];
  },
  sequentialRho: (alpha: number, tuning: number) => [sequentialRho(alpha, tuning)],
  sequentialHalfWidth: (error: number, n: number, alpha: number, tuning: number) => [
    sequentialHalfWidth(error, n, alpha, tuning),
  ],
  sequentialLnE: (z: number, n: number, alpha: number, tuning: number) => [sequentialLnE(z, n, alpha, tuning)],
  sequentialP: (z: number, n: number, alpha: number, tuning: number) => [sequentialP(z, n, alpha, tuning)],
  oneSidedSequentialHalfWidth: (error: number, n: number, alpha: number, tuning: number) => [
    oneSidedSequentialHalfWidth(error, n, alpha, tuning),
  ],
  oneSidedSequentialP: (z: number, n: number, alpha: number, tuning: number) => [
    oneSidedSequentialP(z, n, alpha, tuning),
  ],
  eppoRho: (alpha: number, tuning: number) => [eppoRho(alpha, tuning)],
  eppoMultiplier: (n: number, alpha: number, tuning: number) => [eppoMultiplier(n, alpha, tuning)],
  statsigCritical: (treatment: Pair, control: Pair, alpha: number) => {
    const spread = ([variance, n]: Pair) => ({ variance, n });
    const { variance, tau, critical } = answered(statsigCritical(spread(treatment), spread(control), alpha));
    return [variance, tau, critical];
  },
  compareProportions: (control: Pair, treatment: Pair, method: 'chi-square' | 'z-test') => {
    const counts = ([successes, trials]: Pair) => ({ successes, trials });
    const { difference, low, high, p } = answered(compareProportions(counts(control), counts(treatment), 0.05, method));
    return [difference, low, high, p];
  },
  welchFromSums: (control: readonly [number, number, number], treatment: readonly [number, number, number]) => {
    const { difference, p } = answered(welchFromSums(sumsOf(control), sumsOf(treatment), 0.05));
    return [difference, p];
  },
  cohensD: (a: readonly number[], b: readonly number[]) => [answered(cohensD(a, b))],
  normalRisk: (mean: number, deviation: number) => {
    const { control, treatment } = normalRisk(mean, deviation);
    return [control, treatment];
  },
  midExperimentPower: (standardError: number, added: number, effectSize: number) => {
    const effect = { estimate: 0, standardError, df: 100, n: 100, theta: null, controlMean: 1, treatmentMean: 1 };
    return [midExperimentPower(effect, added, { alpha: 0.05, targetPower: 0.8, effectSize, by: { kind: 'fixed' } })];
  },
};

describeGolden("other systems' formulas", golden.values, ours, (wanted) => 1e-9 * Math.abs(wanted) + 1e-14);

function sumsOf([n, sum, sumOfSquares]: readonly [number, number, number]): Sums {
  return { n, sum, sumOfSquares };
}
