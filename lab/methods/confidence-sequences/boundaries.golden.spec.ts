import { betaBinomialMixture } from '#libs/statistics';
import golden from '../../../libs/testing/golden/boundaries.json' with { type: 'json' };
import { describeGolden, type Numbers } from '#libs/testing/figures';
import {
  averageEffectInterval,
  initialAverageEffect,
  lnEAverageEffect,
  observeAverageEffect,
} from './average-treatment-effect.js';
import { expectedCountInterval, lnEEqualIntensities } from './counting-processes.js';
import { doubleStitchingBound } from './double-stitching.js';
import { predictablePlugInBet } from './empirical-bernstein-sequence.js';
import { closedDkwRadius, timeUniformDkwRadius } from './empirical-process-band.js';
import { gammaExponentialMixture, gammaPoissonMixture } from './gamma-mixtures.js';
import {
  linearModelInterval,
  linearModelRadius,
  linearModelRadiusLargeSample,
  lnELinearModel,
  tightestPriorWeight,
} from './linear-model-sequence.js';

import { asymptoticNonInferiority } from './non-inferiority.js';

/** Ours as the numbers that integration and the papers' formulas gave, in their order. */
const ours: Readonly<Record<string, (...args: never[]) => Numbers>> = {
  gammaExponentialMixture: (scale: number, at: number, alpha: number, s: number, v: number) => [
    gammaExponentialMixture(scale, { at, alpha }).lnE(s, v),
  ],
  gammaPoissonMixture: (jump: number, at: number, alpha: number, s: number, v: number) => [
    gammaPoissonMixture(jump, { at, alpha }).lnE(s, v),
  ],
  betaBinomialMixture: (g: number, h: number, ...[at, alpha, s, v]: readonly number[]) => [
    betaBinomialMixture(g, h, { at: at as number, alpha: alpha as number }).lnE(s as number, v as number),
  ],
  doubleStitchingBound: (p: number, n: number, alpha: number, from: number) => [
    doubleStitchingBound(p, n, alpha, { from }),
  ],
  closedDkwRadius: (n: number, alpha: number) => [closedDkwRadius(n, alpha)],
  timeUniformDkwRadius: (n: number, alpha: number, from: number) => [timeUniformDkwRadius(n, alpha, from)],
  lnELinearModel: (t: number, n: number, coefficients: number, g: number) => [lnELinearModel(t, n, coefficients, g)],
  linearModelRadius: (n: number, coefficients: number, g: number, alpha: number) => [
    linearModelRadius(n, coefficients, g, alpha),
  ],
  linearModelInterval: (estimate: number, error: number, ...[n, coefficients, g, alpha]: number[]) => {
    const [units, columns, weight, level] = [n, coefficients, g, alpha] as [number, number, number, number];
    const interval = linearModelInterval(
      { estimate, standardError: error, n: units, coefficients: columns },
      weight,
      level,
    );
    return [interval?.low, interval?.high];
  },
  linearModelRadiusLargeSample: (n: number, g: number, alpha: number) => [linearModelRadiusLargeSample(n, g, alpha)],
  lnEEqualIntensities: (countA: number, countB: number, concentration: number) => [
    lnEEqualIntensities(countA, countB, concentration),
  ],
  tightestPriorWeight: (n: number, coefficients: number, alpha: number) => [
    tightestPriorWeight(n, coefficients, alpha),
  ],
  predictablePlugInBet: (alpha: number, t: number, variance: number) => [predictablePlugInBet(alpha, t, variance)],
  asymptoticNonInferiority: (difference: number, error: number, ...[n, margin, alpha]: number[]) => {
    const answer = asymptoticNonInferiority(
      { difference, standardError: error, n: n as number },
      margin as number,
      alpha as number,
    );
    return answer.missing === null ? [answer.lower, answer.upper] : [];
  },
  averageEffect: (lo: number, hi: number, share: number, ...[arms, outcomes]: [number[], number[]]) => {
    const design = { lo, hi, smallestShare: Math.min(share, 1 - share), tightestAt: 50 };
    const state = initialAverageEffect();
    arms.forEach((arm, index) => {
      observeAverageEffect(state, design, arm === 1 ? 'candidate' : 'control', share, outcomes[index] as number);
    });
    return [averageEffectInterval(state, design, 0.1)?.effect, lnEAverageEffect(state, design, 0.1)];
  },
  expectedCountInterval: (count: number, concentration: number, alpha: number) => {
    const { low, high } = expectedCountInterval(count, concentration, alpha);
    return [low, high];
  },
};

describeGolden('boundaries', golden.values, ours, (wanted) => 1e-9 * Math.max(1, Math.abs(wanted)));
