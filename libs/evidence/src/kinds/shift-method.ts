import {
  addToSketch,
  asymptoticHalfWidth,
  ByPropensity,
  decodeWealth,
  encodeWealth,
  initialScoredTilt,
  initialSketch,
  isRandomised,
  lnEShift,
  mergeScoredTilt,
  mergeSketches,
  observeScore,
  quantile,
  type QuantileSketch,
  type ScoredTilt,
} from '#libs/statistics';
import type { Method, Estimates } from './method.js';
import { midrankShare, probabilityHigher } from './ranks.js';
import { noEstimates, whyNotBoth } from './estimates.js';
import * as codec from './state-codec.js';
import { type ArmCounts, countOne, initialArmCounts, mergeArmCounts, ofArm } from './arm-counts.js';
import { mostExposedCell, mergeValues, valuesAt, type ValuesByPropensity } from './values-by-propensity.js';

/** Pooled values before a rank among them says anything. */
const SMALLEST_PAST = 20;

/**
 * Whether values tend to be higher in one variant: the scored tilt on 2 · midrank − 1 among the past values of both. It tests that both
 * laws are equal, not how far apart they are, so it warns and proves no margin. Shown: P(candidate's value is the higher one) − ½,
 * ties half, and both medians.
 */
export interface ShiftState {
  readonly kind: 'shift';
  readonly counts: ArmCounts;
  readonly past: QuantileSketch;
  tilt: ScoredTilt;
  /** First values by propensity and arm. */
  readonly values: ValuesByPropensity;
}

interface EncodedShift {
  readonly counts: ArmCounts;
  readonly past: codec.EncodedSketch;
  readonly tilt: readonly number[];
  readonly values: codec.EncodedValues;
}

export const shiftMethod: Method<ShiftState> = {
  initial: () => ({
    kind: 'shift',
    counts: initialArmCounts(),
    past: initialSketch(),
    tilt: initialScoredTilt(),
    values: new ByPropensity(),
  }),

  observe(state, _metric, { arm, propensity, value, isFirst }) {
    countOne(state.counts.events, arm);
    if (!isFirst || value === -Infinity) return;
    countOne(state.counts.units, arm);
    if (!isRandomised(propensity)) return;
    if (state.past.n >= SMALLEST_PAST) {
      observeScore(state.tilt, arm, propensity, 2 * midrankShare(state.past, value) - 1);
    }
    addToSketch(state.past, value);
    addToSketch(ofArm(valuesAt(state.values, propensity), arm), value);
  },

  merge: (a, b) => ({
    kind: 'shift',
    counts: mergeArmCounts(a.counts, b.counts),
    past: mergeSketches(a.past, b.past),
    tilt: mergeScoredTilt(a.tilt, b.tilt),
    values: mergeValues(a.values, b.values),
  }),

  judge(state, { role }, { alpha }) {
    const { counts, tilt } = state;
    const base = { units: counts.units, events: counts.events, tests: null };
    if (role === 'observed')
      return { ...base, estimates: noEstimates('not-watched'), shift: null, missing: 'not-watched' };
    const estimates = shiftEstimates(state, alpha);
    if (whyNotBoth(counts.units) !== null) return { ...base, estimates, shift: null, missing: 'no-data' };
    return { ...base, estimates, shift: lnEShift(tilt, 'either'), missing: null };
  },

  tuning: () => null,

  encode: ({ counts, past, tilt, values }): EncodedShift => ({
    counts: structuredClone(counts),
    past: codec.encodeSketch(past),
    tilt: encodeWealth(tilt.wealth),
    values: codec.encodeValues(values),
  }),

  decode: ({ counts, past, tilt, values }: EncodedShift) => ({
    kind: 'shift',
    counts: structuredClone(counts),
    past: codec.decodeSketch(past),
    tilt: { wealth: decodeWealth(tilt) },
    values: codec.decodeValues(values),
  }),
};

/**
 * Under the allocation that has shown the candidate to most units. The interval takes the largest variance the estimate can have,
 * θ(1 − θ)/min(n, m) (Birnbaum & Klose, Ann. Math. Stat. 28, 1957).
 */
function shiftEstimates({ values, counts }: ShiftState, alpha: number): Estimates {
  const cell = mostExposedCell(values);
  if (cell === null) return noEstimates(whyNotBoth(counts.units) ?? 'not-randomised');
  const medians = { control: median(cell.control), candidate: median(cell.candidate) };
  const probability = probabilityHigher(cell.control, cell.candidate);
  if (probability === null) {
    const reason = whyNotBoth(counts.units) ?? 'not-enough-data';
    return { ...medians, effect: null, interval: null, noEffect: reason, noInterval: reason };
  }
  const effect = probability - 0.5;
  const smaller = Math.min(cell.control.n, cell.candidate.n);
  const standardError = Math.sqrt((probability * (1 - probability)) / smaller);
  if (standardError === 0) return { ...medians, effect, interval: null, noEffect: null, noInterval: 'no-variance' };
  const halfWidth = asymptoticHalfWidth(standardError, smaller, alpha);
  const interval = { low: Math.max(-0.5, effect - halfWidth), high: Math.min(0.5, effect + halfWidth) };
  return { ...medians, effect, interval, noEffect: null, noInterval: null };
}

/** Null for a median that never came. */
function median(sketch: QuantileSketch): number | null {
  const value = quantile(sketch, 0.5);
  return value !== null && Number.isFinite(value) ? value : null;
}
