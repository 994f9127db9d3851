import { addToSketch, initialSketch, mergeSketches, quantile, type QuantileSketch } from '#libs/statistics';

/** Values of control before its quantile is good enough to be a limit. */
const SMALLEST_PAST = 20;
/** The limit is read anew when the past has grown by so much: it only has to be known beforehand, not to be the latest. */
const REFRESH_GROWTH = 1.05;

/**
 * A limit that is a quantile of control's past values, always fixed before the value it is applied to.
 *
 * Control's values only: pooled ones would let a candidate that times out in every twentieth request push the limit to +∞, and
 * then nothing would exceed it any more. Any function of the past is allowed here.
 */
export interface PastQuantile {
  readonly past: QuantileSketch;
  limit: number | null;
  refreshAt: number;
}

export function initialPastQuantile(): PastQuantile {
  return { past: initialSketch(), limit: null, refreshAt: SMALLEST_PAST };
}

/** Adds a value of control; it counts from the next value on. */
export function addToPast(state: PastQuantile, value: number, p: number): void {
  addToSketch(state.past, value);
  if (state.past.n < state.refreshAt) return;
  state.limit = quantile(state.past, p);
  state.refreshAt = Math.ceil(state.past.n * REFRESH_GROWTH);
}

/** For judging only: a merged past has no limit of its own. */
export function mergePastQuantiles(a: PastQuantile, b: PastQuantile): PastQuantile {
  const limit = a.limit === null ? b.limit : b.limit === null ? a.limit : Math.min(a.limit, b.limit);
  return { past: mergeSketches(a.past, b.past), limit, refreshAt: 0 };
}
