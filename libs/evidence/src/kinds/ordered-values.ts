import {
  quantileRanks,
  type QuantileSketch,
  SKETCH_RELATIVE_ERROR,
  type ValuesInOrder,
  valuesInOrder,
} from '#libs/statistics';

interface Ordered extends ValuesInOrder {
  readonly n: number;
}

/** Several metrics read quantiles of the same values: a sketch is put in order once, until its next value. */
const known = new WeakMap<QuantileSketch, Ordered>();

/** The p-quantile of a sketch; null without values. What the statistics' `quantile` gives. */
export function quantileOf(sketch: QuantileSketch, p: number): number | null {
  return sketch.n === 0 ? null : valueAt(ordered(sketch), Math.max(1, Math.ceil(p * sketch.n)));
}

/** The anytime-valid interval of the p-quantile of a sketch; what the statistics' `quantileInterval` gives. */
export function quantileIntervalOf(
  sketch: QuantileSketch,
  p: number,
  alpha: number,
): { readonly low: number; readonly high: number } {
  const ranks = quantileRanks(p, sketch.n, alpha);
  // The extreme ranks also come out where no bound is known yet: the smallest and the largest value bound nothing.
  const low = ranks.low <= 1 ? -Infinity : valueAt(ordered(sketch), ranks.low);
  const high = ranks.high >= sketch.n ? Infinity : valueAt(ordered(sketch), ranks.high);
  return {
    low: low - Math.abs(low) * SKETCH_RELATIVE_ERROR,
    high: high + Math.abs(high) * SKETCH_RELATIVE_ERROR,
  };
}

function ordered(sketch: QuantileSketch): Ordered {
  const last = known.get(sketch);
  if (last?.n === sketch.n) return last;
  const fresh = { n: sketch.n, ...valuesInOrder(sketch) };
  known.set(sketch, fresh);
  return fresh;
}

/** The first bucket that reaches the rank. */
function valueAt({ values, upTo }: Ordered, rank: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((upTo[middle] as number) >= rank) high = middle;
    else low = middle + 1;
  }
  return values[low] as number;
}
