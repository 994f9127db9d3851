import {
  lnEPairedEqual,
  lnEPairedLessOften,
  lnEPairedMoreOften,
  logSumExp,
  pairedProofWeights,
  type PairedTilt,
  TILTS,
} from '#libs/statistics';
import type { TiltReader } from '../kinds/tilt-tests.js';

/** Events in pairs as the tests of a rate by its events read them. */
export function pairedTilt(events: PairedTilt): TiltReader {
  return {
    weightsAt: pairedProofWeights,
    moreOften: (boundary, weights) =>
      forEqual(events, boundary, { weights, lnE: lnEPairedMoreOften(events, boundary, TILTS, weights) }),
    lessOften: (boundary, weights) =>
      forEqual(events, boundary, { weights, lnE: lnEPairedLessOften(events, boundary, weights) }),
  };
}

/** How much the stake that is right for equal variants weighs in a proof beside all others. */
const EQUAL_WEIGHT = 0.7;

/** A proof, which is what has weights, is for candidates that are as good as control: most of it is staked on that. */
function forEqual(
  events: PairedTilt,
  boundary: number,
  { lnE, weights }: { readonly lnE: number; readonly weights: readonly number[] | undefined },
): number {
  if (weights === undefined || boundary === 0) return lnE;
  return logSumExp([lnEPairedEqual(events, boundary) + Math.log(EQUAL_WEIGHT), lnE + Math.log(1 - EQUAL_WEIGHT)]);
}
