import golden from '../../../libs/testing/golden/embeddings.json' with { type: 'json' };
import {
  bandwidthsOf,
  biasedMmd,
  meanPairwiseCosine,
  symmetricEigenvalues,
  unbiasedMmd,
  vendiScore,
} from '#libs/statistics';
import { describeGolden, type Numbers } from '#libs/testing/figures';
import { cmmd } from './cmmd.js';
import { crossMmd } from './cross-mmd.js';

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

describeGolden('embeddings', golden.values, ours, (wanted) => TOLERANCE * Math.max(1, Math.abs(wanted)));
