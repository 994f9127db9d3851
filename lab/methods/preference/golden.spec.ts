import golden from '../../../libs/testing/golden/preference.json' with { type: 'json' };
import {
  lnEHarmfulPreference,
  lnENonInferiorPreference,
  lnEPreference,
  type PreferencePrior,
  winRateInterval,
} from '#libs/statistics';
import { describeGolden, type Numbers } from '#libs/testing/figures';
import { bradleyTerry, bradleyTerryLnLikelihood } from './bradley-terry.js';
import { fixedSignTestP } from './fixed-sign-test.js';

/** Ours as the numbers another implementation gave, in its order. */
const ours: Readonly<Record<string, (...args: never[]) => Numbers>> = {
  lnEPreference: (wins: number, losses: number, prior: PreferencePrior) => [lnEPreference({ wins, losses }, prior)],
  winRateInterval: (...[wins, losses, alpha, prior]: [number, number, number, PreferencePrior]) => {
    const interval = winRateInterval({ wins, losses }, alpha, prior);
    return [interval?.low, interval?.high];
  },
  'preference at a margin': (wins: number, losses: number, margin: number) => [
    lnENonInferiorPreference({ wins, losses }, margin),
    lnEHarmfulPreference({ wins, losses }, margin),
  ],
  fixedSignTestP: (wins: number, losses: number) => [fixedSignTestP({ wins, losses })],
  bradleyTerry: (wins: number[][], ridge: number) => {
    const fitted = bradleyTerry(wins, ridge);
    if (fitted.missing !== null) throw new Error(fitted.missing);
    const lnLikelihood = bradleyTerryLnLikelihood(wins, fitted.strengths);
    return [...fitted.strengths, ...fitted.standardErrors, lnLikelihood];
  },
};

/** Relative, and absolute below 1. An optimiser's strengths are no more exact than where it stopped. */
const TOLERANCE = 1e-9;
const OF_AN_OPTIMISER = 1e-6;

describeGolden('preference', golden.values, ours, (wanted, name) => {
  const tolerance = name === 'bradleyTerry' ? OF_AN_OPTIMISER : TOLERANCE;
  return tolerance * Math.max(1, Math.abs(wanted));
});
