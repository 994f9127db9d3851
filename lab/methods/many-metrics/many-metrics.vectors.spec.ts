import { describeVectors, type Vector } from '#libs/testing/figures';
import {
  benjaminiHochbergAdjustedP,
  benjaminiYekutieliAdjustedP,
  hochbergAdjustedP,
  holmAdjustedP,
  hommelAdjustedP,
} from './adjusted-p.js';
import { eBenjaminiHochberg } from './e-benjamini-hochberg.js';
import { eValueOfP, meanOfEValues, mixedEValueOfP, pOfEValue } from './e-values.js';

describeVectors('many metrics', ({ id, inputs }: Vector) => {
  const { p, e, alpha } = inputs as unknown as { p: number[]; e: (number | 'NaN')[]; alpha: number };
  if (id.startsWith('ebh-')) {
    const { rejected, threshold } = eBenjaminiHochberg(e.map(Number), alpha);
    return { rejected_indices: rejected, threshold };
  }
  switch (id) {
    case 'evalue-average': {
      const mean = meanOfEValues(e.map(Number));
      const single = (inputs as unknown as { p: number }).p;
      return {
        mean,
        anytime_p: pOfEValue(mean),
        calibrated_half: eValueOfP(single, 0.5),
        calibrated_integrated: mixedEValueOfP(single),
      };
    }
    case 'gb-bh':
      return { adjusted: benjaminiHochbergAdjustedP(p) };
    case 'sm-hommel':
      return { first15: hommelAdjustedP(p).slice(0, 15) };
    case 'sm-multitest-1':
      return {
        sorted_p: ascending(p),
        holm: ascending(holmAdjustedP(p)),
        hochberg: ascending(hochbergAdjustedP(p)),
        BH: ascending(benjaminiHochbergAdjustedP(p)),
        BY: ascending(benjaminiYekutieliAdjustedP(p)),
      };
    default:
      throw new Error(`no method for the vector ${id}`);
  }
});

function ascending(ps: readonly number[]): number[] {
  return ps.toSorted((a, b) => a - b);
}
