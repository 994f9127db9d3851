import { describe, expect, it } from 'vitest';
import { answered } from '#libs/testing/figures';
import { effectPosterior } from './growthbook-bayesian.js';
import { type Effect, growthBookEffect, type VariantStatistic } from './growthbook-effect.js';
import { type EffectTest, sequentialEffectTest, welchEffectTest } from './growthbook-tests.js';
import { percentile, wilcoxonDiff } from './kayenta.js';
import { pipeCdMannWhitney } from './pipecd.js';
import { groupSequentialLevels } from './spotify.js';
import golden from '../../libs/testing/golden/peers.json' with { type: 'json' };

type Difference = 'absolute' | 'relative';
type Given = [kind: string, control: number[], treatment: number[], difference: Difference, alpha: number];

/** Ours as the numbers another implementation gave, in its order. */
const ours: Readonly<Record<string, (...args: never[]) => readonly (number | null)[]>> = {
  'welch both': (...given: Given) => {
    const effect = effectOf(given);
    const { low, high, p } = welchEffectTest(effect, given[4]);
    return [effect.estimate, effect.standardError, low, high, p];
  },
  'welch greater': (...given: Given) => {
    const { low, p } = welchEffectTest(effectOf(given), given[4], 'greater');
    return [low, p];
  },
  'welch lesser p': (...given: Given) => [welchEffectTest(effectOf(given), given[4], 'lesser').p],
  'sequential both': (...[kind, control, treatment, difference, alpha, tuning]: [...Given, number]) =>
    ends(sequentialEffectTest(effectOf([kind, control, treatment, difference, alpha]), alpha, 'both', tuning)),
  posterior: (...[kind, control, treatment, difference, alpha, ...prior]: [...Given, ...number[]]) => {
    const [mean, variance] = prior;
    const posterior = effectPosterior(
      effectOf([kind, control, treatment, difference, alpha]),
      difference,
      mean === undefined || variance === undefined ? null : { mean, variance },
      alpha,
    );
    const { low, high, chanceToWin, risk } = posterior;
    return [posterior.mean, posterior.standardDeviation, low, high, chanceToWin, risk.control, risk.treatment];
  },
  'cuped ratio': (
    control: [number, number[], number[][]],
    treatment: [number, number[], number[][]],
    difference: Difference,
    theta: number,
  ) => {
    const { estimate, standardError } = answered(
      growthBookEffect(cupedRatio(control), cupedRatio(treatment), difference, theta),
    );
    return [estimate, standardError];
  },
  groupSequentialLevels,
  wilcoxonDiff: (x: number[], y: number[]) => [wilcoxonDiff(0, 0, x, y)],
  'pipeCdMannWhitney exact': (x: number[], y: number[]) => {
    const { u, pLess, pGreater } = answered(pipeCdMannWhitney(x, y));
    return [u, pLess, pGreater];
  },
  percentile: (data: number[], level: number) => [percentile(data, level)],
};

/** Numerical differences and quadrature are coarser than closed forms. */
const TOLERANCES: Readonly<Record<string, number>> = { 'cuped ratio': 1e-7, groupSequentialLevels: 1e-9 };

describe('golden values of the peers', () => {
  it.each(golden.values.map((value, index) => [`${index} ${value.function} (${value.source})`, value] as const))(
    '%s',
    (_name, { function: name, arguments: given, value: wanted }) => {
      const reached = ours[name]?.(...(given as never[]));
      expect(reached).toHaveLength(wanted.length);
      const tolerance = TOLERANCES[name] ?? 1e-11;
      wanted.forEach((number, i) => {
        const difference = Math.abs((reached?.[i] ?? Number.NaN) - number);
        expect(difference, `${reached?.[i]} instead of ${number}`).toBeLessThanOrEqual(
          tolerance * Math.max(1, Math.abs(number)),
        );
      });
    },
  );
});

function effectOf([kind, control, treatment, difference]: Given): Effect {
  return answered(growthBookEffect(statisticOf(kind, control), statisticOf(kind, treatment), difference));
}

function statisticOf(kind: string, numbers: readonly number[]): VariantStatistic {
  const [n, a, b, c, d, e] = numbers as [number, number, number, number, number, number];
  const mean = (sum: number, sumOfSquares: number) => ({ kind: 'mean', n, sum, sumOfSquares }) as const;
  switch (kind) {
    case 'mean':
      return mean(a, b);
    case 'proportion':
      return { kind: 'proportion', n, sum: a };
    case 'ratio':
      return { kind: 'ratio', n, numerator: mean(a, b), denominator: mean(c, d), sumOfProducts: e };
    case 'cuped':
      return { kind: 'cuped', n, post: mean(a, b), pre: mean(c, d), sumOfProducts: e };
    case 'quantile':
      return { kind: 'quantile', n, nStar: a, nu: b, quantile: c, lower: d, upper: e };
    default:
      throw new RangeError(`unknown kind of metric ${kind}`);
  }
}

function cupedRatio([n, sums, products]: [number, number[], number[][]]): VariantStatistic {
  return { kind: 'cuped-ratio', n, sums, products };
}

function ends({ low, high, p }: EffectTest): readonly (number | null)[] {
  return [low, high, p];
}
