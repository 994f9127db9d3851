import { biasedMmd, unbiasedMmd } from '#libs/statistics';
import { describeVectors } from '#libs/testing/figures';
import { crossMmd } from './cross-mmd.js';

describeVectors('embeddings', ({ inputs }) => {
  const { X, Y, sigma } = inputs as unknown as { X: number[][]; Y: number[][]; sigma: number };
  const biased = biasedMmd(X, Y, [sigma]) as number;
  const cross = crossMmd(X, Y, [sigma]);
  return {
    mmd2_biased: biased,
    mmd2_unbiased: unbiasedMmd(X, Y, [sigma], 0.05).mmd2,
    // The vectors are no unit vectors, as the published statistic would have them; the scale is what they check.
    cmmd: 1000 * biased,
    cross_mmd_T: cross.t,
    cross_mmd_U: cross.mmd2,
  };
});
