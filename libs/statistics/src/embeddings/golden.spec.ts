import { describe, expect, it } from 'vitest';
import golden from '../../test/golden/embeddings.json' with { type: 'json' };
import {
  bandwidthsOf,
  biasedMmd,
  cmmd,
  crossMmd,
  meanPairwiseCosine,
  symmetricEigenvalues,
  unbiasedMmd,
  vendiScore,
} from './index.js';

type Numbers = readonly (number | null | undefined)[];

/** Ours as the numbers another implementation gave, in its order. */
const ours: Readonly<Record<string, (...args: never[]) => Numbers>> = {
  bandwidthsOf: (sample: number[][]) => bandwidthsOf(sample) ?? [],
  unbiasedMmd: (...args: [number[][], number[][], number[], number]) => {
    const { mmd2, standardError, interval } = unbiasedMmd(...args);
    return [mmd2, standardError, interval?.low, interval?.high];
  },
  biasedMmd: (...args: [number[][], number[][], number[]]) => [biasedMmd(...args)],
  cmmd: (x: number[][], y: number[][]) => [cmmd(x, y)],
  crossMmd: (...args: [number[][], number[][], number[]]) => {
    const { mmd2, t } = crossMmd(...args);
    return [mmd2, t];
  },
  diversity: (sample: number[][]) => [vendiScore(sample), meanPairwiseCosine(sample)],
  symmetricEigenvalues: (matrix: number[][]) => [...symmetricEigenvalues(matrix)],
};

/** Relative, and absolute below 1. */
const TOLERANCE = 1e-9;

describe('golden values of embeddings', () => {
  for (const name of new Set(golden.values.map((value) => value.function))) {
    it(name, () => {
      const compute = ours[name] as (...args: unknown[]) => Numbers;
      for (const { function: of, arguments: given, value } of golden.values) {
        if (of !== name) continue;
        const reached = compute(...given);
        expect(reached).toHaveLength(value.length);
        for (const [index, wanted] of value.entries()) {
          const error = Math.abs((reached[index] ?? Number.NaN) - wanted);
          const at = `${name}(${JSON.stringify(given)})[${index}]: ${reached[index]} instead of ${wanted}`;
          expect(error, at).toBeLessThanOrEqual(TOLERANCE * Math.max(1, Math.abs(wanted)));
        }
      }
    });
  }
});
