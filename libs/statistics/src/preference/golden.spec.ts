import { describe, expect, it } from 'vitest';
import golden from '../../test/golden/preference.json' with { type: 'json' };
import {
  bradleyTerry,
  fixedSignTestP,
  lnEHarmfulPreference,
  lnENonInferiorPreference,
  lnEPreference,
  type PreferencePrior,
  winRateInterval,
} from './index.js';

type Numbers = readonly (number | undefined)[];

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
    return [...fitted.strengths, ...fitted.standardErrors, fitted.lnLikelihood];
  },
};

/** Relative, and absolute below 1. An optimiser's strengths are no more exact than where it stopped. */
const TOLERANCE = 1e-9;
const OF_AN_OPTIMISER = 1e-6;

describe('golden values of preference', () => {
  for (const name of new Set(golden.values.map((value) => value.function))) {
    it(name, () => {
      const compute = ours[name] as (...args: unknown[]) => Numbers;
      const tolerance = name === 'bradleyTerry' ? OF_AN_OPTIMISER : TOLERANCE;
      for (const { function: of, arguments: given, value } of golden.values) {
        if (of !== name) continue;
        const reached = compute(...given);
        expect(reached).toHaveLength(value.length);
        for (const [index, wanted] of value.entries()) {
          const error = Math.abs((reached[index] ?? Number.NaN) - wanted);
          const at = `${name}(${JSON.stringify(given)})[${index}]: ${reached[index]} instead of ${wanted}`;
          expect(error, at).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(wanted)));
        }
      }
    });
  }
});
