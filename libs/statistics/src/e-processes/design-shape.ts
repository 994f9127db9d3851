import type { BettingDesign } from './betting.js';

/**
 * The same design as an object of the one shape that all have: every value reads a dozen properties of it, and where designs have more than a few shapes
 * the compiler looks each of them up in a table.
 */
export function designOfOneShape(design: BettingDesign): BettingDesign {
  const { lo, hi, harmfulAt, nonInferiorAt, expected, awaitsPast, widening, recent, limits } = design;
  const all = { lo, hi, harmfulAt, nonInferiorAt, expected, awaitsPast, widening, recent, limits };
  return all as BettingDesign;
}
