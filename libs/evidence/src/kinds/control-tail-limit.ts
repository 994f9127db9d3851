import { addToSketch, initialSketch, mergeSketches, quantile, type QuantileSketch } from '#libs/statistics';

/** Values of control before its quantile is good enough to be a limit. */
const SMALLEST_PAST = 20;
/** The limit is read anew after so many values, as a share of those it is read from: it has to be known beforehand, not to be the latest. */
const REFRESH_SHARE = 0.05;
/** Values of a generation; the limit is read from the last one to two generations. */
const GENERATION = 1_000;

/**
 * A limit that is a quantile of control's recent values, always fixed before the value it is applied to.
 *
 * Control's values only: pooled ones would let a candidate that times out in every twentieth request push the limit to +∞, and
 * then nothing would exceed it any more. Recent ones only: after a slow start (cold caches, a busy hour) the quantile of
 * everything so far lies where nothing ever comes again, and a tail in which nothing happens proves nothing. Any function of the
 * past is allowed here.
 */
export interface ControlTailLimit {
  recent: QuantileSketch;
  older: QuantileSketch;
  limit: number | null;
  /** Values until the limit is read anew. */
  refreshIn: number;
}

export function initialControlTailLimit(): ControlTailLimit {
  return { recent: initialSketch(), older: initialSketch(), limit: null, refreshIn: SMALLEST_PAST };
}

/**
 * Adds a value of control; it counts from the next value on.
 * @returns the past that the limit was read from anew; null where the limit stays.
 */
export function observeControl(state: ControlTailLimit, value: number, p: number): QuantileSketch | null {
  if (!addToSketch(state.recent, value)) return null;
  state.refreshIn -= 1;
  if (state.refreshIn > 0) return null;
  const past = mergeSketches(state.older, state.recent);
  state.limit = quantile(past, p);
  state.refreshIn = Math.max(1, Math.floor(past.n * REFRESH_SHARE));
  if (state.recent.n >= GENERATION) {
    state.older = state.recent;
    state.recent = initialSketch();
  }
  return past;
}

/** For judging only: a merged past has no limit of its own. */
export function mergeControlTailLimits(a: ControlTailLimit, b: ControlTailLimit): ControlTailLimit {
  const limit = a.limit === null ? b.limit : b.limit === null ? a.limit : Math.min(a.limit, b.limit);
  return {
    recent: mergeSketches(a.recent, b.recent),
    older: mergeSketches(a.older, b.older),
    limit,
    refreshIn: 0,
  };
}
