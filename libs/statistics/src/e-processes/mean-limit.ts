import { BET_FRACTIONS, initialBets, lnEOfBets, placeBets } from './bets.js';
import { mergeWealth, type Wealth } from './wealth.js';

/**
 * An absolute limit of one variant's mean: more than `limit` is beyond it. Values are clipped to [lo, hi], in which the limit lies, so that
 * what is compared with it is the clipped mean. Negate values, bounds and limit where less is beyond it.
 */
export interface MeanLimit {
  readonly lo: number;
  readonly hi: number;
  readonly limit: number;
}

/**
 * Evidence of one variant alone against an absolute limit of its mean.
 *
 * `beyond` bets that the mean is above the limit, `within` that it is below: Π(1 + F·(x − limit)/(limit − lo)) and
 * Π(1 + F·(limit − x)/(hi − limit)), mixed over the fractions F. Under the hypothesis that is to be rejected no factor's expectation
 * is above 1 given the past, so both are e-processes, whatever the traffic's shape or drift; no propensity is needed, since nothing is compared.
 *
 * `recent` is the same bet on "beyond", begun anew whenever it has lost everything it won (e-CUSUM): after a long time within the limit it
 * still sees at once that the limit is broken now. It is no proof over the whole run but an alarm: under "never beyond" the mean number of values until it
 * first reaches a threshold T is at least T.
 *
 * Sources: Waudby-Smith & Ramdas, JRSS-B 86 (2024), section 4 (one mean); Shin, Ramdas, Rinaldo, "E-detectors", arXiv 2203.03532 (e-CUSUM).
 * Assumptions: of `beyond` and `within`, one value per unit. State is merged for disjoint parts; of `recent` the larger one is kept.
 */
export interface LimitEvidence {
  n: number;
  /** Of the clipped values. */
  sum: number;
  /** How far values lie beyond `hi` and beyond `lo`, added up, and the largest term of either; infinite ones are not counted. */
  readonly tails: { above: number; highest: number; below: number; lowest: number };
  readonly beyond: Wealth;
  readonly within: Wealth;
  /** One running product per bet fraction, at least 1. */
  readonly recent: Float64Array;
}

/** At a mean number of ten thousand values between false alarms, just at the limit; within it there are fewer by far. */
const RECENT_THRESHOLD = 1e4;

/** What is won beyond this needs no more proof, and has to be lost again before the alarm ends. */
const RECENT_CAP = 10 * RECENT_THRESHOLD;

export function initialLimit(): LimitEvidence {
  return {
    n: 0,
    sum: 0,
    tails: { above: 0, highest: 0, below: 0, lowest: 0 },
    beyond: initialBets(1),
    within: initialBets(1),
    recent: new Float64Array(BET_FRACTIONS.length).fill(1),
  };
}

/** Folds a value in, in place; NaN is skipped, infinite ones are clipped. @param isFirst of its unit: only these prove something. */
export function observeLimit(
  state: LimitEvidence,
  { lo, hi, limit }: MeanLimit,
  value: number,
  isFirst: boolean,
): void {
  if (Number.isNaN(value)) return;
  const x = Math.min(hi, Math.max(lo, value));
  const won = (x - limit) / (limit - lo);
  BET_FRACTIONS.forEach((fraction, k) => {
    state.recent[k] = Math.min(RECENT_CAP, Math.max(1, (state.recent[k] as number) * (1 + fraction * won)));
  });
  if (!isFirst) return;
  state.n += 1;
  state.sum += x;
  if (x !== value && Number.isFinite(value)) noteTail(state.tails, value - x);
  placeBets(state.beyond, 0, won);
  placeBets(state.within, 0, (limit - x) / (hi - limit));
}

function noteTail(tails: LimitEvidence['tails'], beyond: number): void {
  if (beyond > 0) {
    tails.above += beyond;
    tails.highest = Math.max(tails.highest, beyond);
  } else {
    tails.below -= beyond;
    tails.lowest = Math.max(tails.lowest, -beyond);
  }
}

export function mergeLimits(a: LimitEvidence, b: LimitEvidence): LimitEvidence {
  return {
    n: a.n + b.n,
    sum: a.sum + b.sum,
    tails: {
      above: a.tails.above + b.tails.above,
      highest: Math.max(a.tails.highest, b.tails.highest),
      below: a.tails.below + b.tails.below,
      lowest: Math.max(a.tails.lowest, b.tails.lowest),
    },
    beyond: mergeWealth(a.beyond, b.beyond),
    within: mergeWealth(a.within, b.within),
    recent: a.recent.map((wealth, k) => Math.max(wealth, b.recent[k] as number)),
  };
}

/** What the evidence says of the limit. */
export interface LimitVerdicts {
  readonly lnEBeyond: number;
  readonly lnEWithin: number;
  /** Whether the limit is broken at present, whatever was before. */
  readonly isBrokenNow: boolean;
  /**
   * Means by the estimate, of the values with what lies beyond `lo` (`low`) and with what lies beyond `hi` (`high`), either without the value furthest
   * out. The e-processes are about the clipped mean: what they prove is not so of the mean itself where these are on the other side of the limit.
   */
  readonly mean: { readonly low: number; readonly high: number };
}

export function readLimit({ n, sum, tails, beyond, within, recent }: LimitEvidence): LimitVerdicts {
  const { above, highest, below, lowest } = tails;
  const units = Math.max(1, n);
  return {
    mean: { low: (sum - (below - lowest)) / units, high: (sum + (above - highest)) / units },
    lnEBeyond: lnEOfBets(beyond, 0),
    lnEWithin: lnEOfBets(within, 0),
    isBrokenNow: recent.reduce((all, wealth) => all + wealth, 0) / recent.length >= RECENT_THRESHOLD,
  };
}
