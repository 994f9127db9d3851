import {
  addToSketch,
  bucketsInOrder,
  edgeOfBucket,
  initialSketch,
  mergeSketches,
  type QuantileSketch,
  surelyBeyondFew,
  tailEndLevels,
  type TailEnds,
} from '#libs/statistics';

/** Values of control before its quantile is good enough to be a limit. */
export const SMALLEST_PAST = 20;
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
  state.limit = limitAt(bucketsInOrder(past), past.n, p)?.within ?? null;
  state.refreshIn = Math.max(1, Math.floor(past.n * REFRESH_SHARE));
  if (state.recent.n >= GENERATION) {
    state.older = state.recent;
    state.recent = initialSketch();
  }
  return past;
}

/** The places around the limit of an upper tail that is read from a past; null without values. */
export function endsIn(past: QuantileSketch, p: number): TailEnds | null {
  const levels = tailEndLevels(p, past.n);
  const cells = bucketsInOrder(past);
  const at = (level: number): Limit | null => limitAt(cells, past.n, level);
  const [limit, low, high, further] = [at(p), at(levels.low), at(levels.high), at(levels.further)];
  if (limit === null || low === null || high === null || further === null) return null;
  const over = limit.beyond;
  const surely =
    levels.surely === null
      ? surelyBeyondFew(over, at(MEDIAN)?.beyond ?? over, p, past.n)
      : (at(levels.surely)?.beyond ?? over);
  return { over, low: low.within, high: high.within, further: further.beyond, surely };
}

const MEDIAN = 0.5;

/** Values of an atom at least; fewer may be equal by chance. */
const SMALLEST_ATOM = 5;

/** A quantile as a limit. */
interface Limit {
  /** Where a variant is to be called less often beyond, or the tail is a lower one: an atom that the quantile lies in belongs to the tail. */
  readonly within: number;
  /** Where a variant is to be called more often beyond: it does not. */
  readonly beyond: number;
}

/**
 * The quantile. Where many values equal it and hardly any lie beyond (scores of exactly 0, times cut off at a limit) it is just short of it, so that
 * they belong to the tail: a tail with nothing in it would prove anything. Where many equal it otherwise (times in whole tenths of a second, or all of one length), with others beyond or nearly
 * no others at all, it is either edge of their bucket: what stands for that may be more or less than they are, and by one edge alone a margin within which no value lies
 * would be given away, or one variant that is always slower not be seen. A lower tail where p < ½, else an upper one.
 * @param cells of n values, in rising order
 */
function limitAt(cells: ReturnType<typeof bucketsInOrder>, n: number, p: number): Limit | null {
  const level = Math.min(p, 1 - p);
  const isUpper = p >= 0.5;
  const rank = Math.max(1, Math.ceil(p * n));
  let upTo = 0;
  const at = cells.findIndex(({ count }) => (upTo += count) >= rank);
  const cell = cells[at];
  if (cell === undefined) return null;
  const { value, count } = cell;
  const beyond = isUpper ? n - upTo : upTo - count;
  const isLast = beyond < (level * n) / 2 && count <= n / 2;
  const next = cells[isUpper ? at - 1 : at + 1];
  if (next && count >= SMALLEST_ATOM && isLast && beyond + count > 1.5 * level * n && beyond + count <= n / 2) {
    const within = value === Infinity ? next.value : (value + next.value) / 2;
    return { within, beyond: within };
  }
  if (count < SMALLEST_ATOM || count <= (level * n) / 2) return { within: value, beyond: value };
  const within = edgeOfBucket(value, isUpper ? 'below' : 'above');
  return { within, beyond: isLast ? within : edgeOfBucket(value, isUpper ? 'above' : 'below') };
}

/** For judging only: a merged past has no limit of its own, so that no more is kept of it than how many values it has. */
export function mergeControlTailLimits(a: ControlTailLimit, b: ControlTailLimit): ControlTailLimit {
  const limit = a.limit === null ? b.limit : b.limit === null ? a.limit : Math.min(a.limit, b.limit);
  return {
    recent: { ...initialSketch(), n: a.recent.n + b.recent.n },
    older: { ...initialSketch(), n: a.older.n + b.older.n },
    limit,
    refreshIn: 0,
  };
}
