import {
  addToSketch,
  type Arm,
  hit,
  hitInWindow,
  initialRestartedTilt,
  initialTilt,
  lnEFirstOrLater,
  lnELessOften,
  lnEMoreOften,
  lnERestarted,
  mergeRestartedTilts,
  mergeTilt,
  type QuantileSketch,
  type RestartedTilt,
  type Tilt,
} from '#libs/statistics';
import type { Margin } from '#libs/contracts';
import type { MetricDesign, MetricTest } from '../catalogue/evidence-design.js';
import type { TailMetric } from '../catalogue/definition.js';
import type { AnalysisReason } from '../analysis/reasons.js';
import type { Estimates, Method, Observation } from './method.js';
import { quantileIntervalOf, quantileOf } from './ordered-values.js';
import {
  observeControl,
  initialControlTailLimit,
  mergeControlTailLimits,
  type ControlTailLimit,
} from './control-tail-limit.js';
import { whyNotBoth } from './estimates.js';
import * as codec from './state-codec.js';
import { initialArmCounts, mergeArmCounts, type ArmCounts } from './arm-counts.js';
import { mostExposedCell, mergeValues, valuesAt, type ValuesByPropensity } from './values-by-propensity.js';

/**
 * Quantiles (latency), judged by the tilt on "exceeds control's past quantile". The margin is taken out of the
 * candidate's value beforehand (÷ (1 + margin), or − margin), so that every boundary is "equally often". +∞ exceeds every limit.
 */
export interface UpperTailState {
  readonly kind: 'upper-tail';
  readonly counts: ArmCounts;
  readonly limit: ControlTailLimit;
  /** Exceedances at the boundary of harm, at every step of the budget, and at no margin. */
  readonly exceedances: readonly Tilt[];
  /** Units' first exceedances at the boundary of harm, whenever they come; of values where lower is better. */
  readonly laterEvents: RestartedTilt;
  /**
   * First values by propensity and arm, for the eye: under one allocation both see the same traffic. Kept by one of the metrics that
   * read the same values, empty in the others.
   */
  values: ValuesByPropensity;
}

interface EncodedUpperTail {
  readonly counts: ArmCounts;
  readonly limit: codec.EncodedTailLimit;
  readonly exceedances: readonly codec.EncodedTilt[];
  readonly laterEvents: codec.EncodedRestartedTilt;
  readonly values: codec.EncodedValues;
}

export const upperTailMethod: Method<UpperTailState> = {
  initial: ({ test }) => ({
    kind: 'upper-tail',
    counts: initialArmCounts(),
    limit: initialControlTailLimit(),
    exceedances: boundaries(test).map(initialTilt),
    laterEvents: initialRestartedTilt(),
    values: new Map(),
  }),

  observe(state, metric, seen) {
    const { arm, propensity, value, isFirst } = seen;
    state.counts.events[arm] += 1;
    const isBadEvent = seen.isAtRisk && noteLater(state, metric, seen);
    if (!isFirst || value === -Infinity) return isBadEvent;
    state.counts.units[arm] += 1;
    if (metric.valuesIn === metric.definition.name) addToSketch(valuesAt(state.values, propensity)[arm], value);
    const { test } = metric;
    if (test === null) return isBadEvent;
    const { limit } = state.limit;
    if (limit !== null) {
      if (arm === 'control') {
        if (value > limit) for (const tilt of state.exceedances) hit(tilt, arm, propensity);
      } else {
        const { direction } = metric.definition;
        boundariesOf(test).forEach((margin, index) => {
          const judged = withoutMargin(value, margin, direction);
          if (judged > limit) hit(state.exceedances[index] as Tilt, arm, propensity);
        });
      }
    }
    if (arm === 'control') observeControl(state.limit, value, levelOf(metric));
    return isBadEvent;
  },

  merge: (a, b) => ({
    kind: 'upper-tail',
    counts: mergeArmCounts(a.counts, b.counts),
    limit: mergeControlTailLimits(a.limit, b.limit),
    exceedances: a.exceedances.map((tilt, index) => mergeTilt(tilt, b.exceedances[index] as Tilt)),
    laterEvents: mergeRestartedTilts(a.laterEvents, b.laterEvents),
    values: mergeValues(a.values, b.values),
  }),

  judge(state, metric, { alpha, states }) {
    const { test } = metric;
    const keeper = (states.get(metric.valuesIn ?? '') ?? state) as UpperTailState;
    const estimates = tailEstimates(keeper, levelOf(metric), alpha, whyNotBoth(state.counts.units));
    const base = { estimates, units: state.counts.units, events: state.counts.events, shift: null };
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (state.counts.units.control === 0 && state.counts.units.candidate === 0)
      return { ...base, tests: null, missing: 'no-data' };
    if (state.limit.limit === null) return { ...base, tests: null, missing: 'baseline' };
    if (state.limit.limit === Infinity) return { ...base, tests: null, missing: 'control-tail-infinite' };
    const [harm, ...others] = state.exceedances as readonly [Tilt, ...Tilt[]];
    const isBad = metric.definition.direction === 'lower';
    const better = (tilt: Tilt): number => (isBad ? lnELessOften(tilt, 0) : lnEMoreOften(tilt, 0));
    return {
      ...base,
      tests: {
        margin: inUnits(test.margin, estimates.control),
        harmful: isBad
          ? lnEFirstOrLater(lnEMoreOften(harm, 0), lnERestarted(state.laterEvents, 0))
          : lnELessOften(harm, 0),
        nonInferior: better(others[test.budget.length - 1] as Tilt),
        superior: better(others[test.budget.length] as Tilt),
        budget: test.budget.map((step, index) => ({
          sharePpm: step.sharePpm,
          margin: inUnits(step.margin, estimates.control),
          lnENonInferior: better(others[index] as Tilt),
        })),
      },
      missing: null,
    };
  },

  tuning: (metric) => ({ level: levelOf(metric), boundaries: boundaries(metric.test) }),

  encode: ({ counts, limit, exceedances, laterEvents, values }): EncodedUpperTail => ({
    counts: structuredClone(counts),
    limit: codec.encodeTailLimit(limit),
    exceedances: exceedances.map(codec.encodeTilt),
    laterEvents: codec.encodeRestartedTilt(laterEvents),
    values: codec.encodeValues(values),
  }),

  decode: ({ counts, limit, exceedances, laterEvents, values }: EncodedUpperTail) => ({
    kind: 'upper-tail',
    counts: structuredClone(counts),
    limit: codec.decodeTailLimit(limit),
    exceedances: exceedances.map(codec.decodeTilt),
    laterEvents: codec.decodeRestartedTilt(laterEvents),
    values: codec.decodeValues(values),
  }),
};

/**
 * The unit's first value of the window beyond the limit, which is control's past as everywhere. Where higher is better a value beyond the limit is a good
 * one, and nearly all values are bad ones: there is nothing to look for.
 * @returns whether the unit has had it now.
 */
function noteLater(
  state: UpperTailState,
  { test, definition: { direction } }: MetricDesign,
  { arm, propensity, value, window }: Observation,
): boolean {
  const { limit } = state.limit;
  if (test === null || limit === null || direction === 'higher') return false;
  const judged = arm === 'control' ? value : withoutMargin(value, test.harmBeyond, direction);
  return judged > limit && hitInWindow(state.laterEvents, window, arm, propensity);
}

/**
 * The quantile of both variants under the allocation that has shown the candidate to most units, and their relative
 * difference with the interval that follows from both variants' quantile sequences at α/2.
 */
function tailEstimates(
  { values }: UpperTailState,
  level: number,
  alpha: number,
  whyNot: AnalysisReason | null,
): Estimates {
  const cell = mostExposedCell(values);
  const control = cell && finiteOrNull(quantileOf(cell.control, level));
  const candidate = cell && finiteOrNull(quantileOf(cell.candidate, level));
  if (cell === null || control === null || candidate === null || control === 0) {
    const reason = whyNot ?? whyNoRatio(cell, control);
    return { control, candidate, effect: null, interval: null, noEffect: reason, noInterval: reason };
  }
  const ofControl = quantileIntervalOf(cell.control, level, alpha / 2);
  const ofCandidate = quantileIntervalOf(cell.candidate, level, alpha / 2);
  const low = ofCandidate.low / ofControl.high - 1;
  const high = ofCandidate.high / ofControl.low - 1;
  const isKnown = ofControl.low > 0 && Number.isFinite(low) && Number.isFinite(high);
  return {
    control,
    candidate,
    effect: relativeTo(control, candidate),
    interval: isKnown ? { low, high } : null,
    noEffect: null,
    noInterval: isKnown ? null : 'end-unknown',
  };
}

/** Relative to the size of control's value, so that more is more below zero as well. */
function relativeTo(control: number, candidate: number): number {
  return control > 0 ? candidate / control - 1 : (candidate - control) / -control;
}

function whyNoRatio(cell: Record<Arm, QuantileSketch> | null, control: number | null): AnalysisReason {
  if (cell === null || cell.control.n === 0 || cell.candidate.n === 0) return 'not-randomised';
  return control === 0 ? 'zero-control' : 'infinite';
}

function boundaries(test: MetricTest | null): readonly Margin[] {
  if (test === null) return [];
  return [test.harmBeyond, ...test.budget.map(({ margin }) => margin), { kind: test.margin.kind, value: 0 }];
}

const knownBoundaries = new WeakMap<MetricTest, readonly Margin[]>();

function boundariesOf(test: MetricTest): readonly Margin[] {
  const known = knownBoundaries.get(test) ?? boundaries(test);
  knownBoundaries.set(test, known);
  return known;
}

/**
 * What the candidate's value would be if it were no worse than the margin allows. A relative margin is a factor on positive values;
 * below zero, where a factor would go the wrong way, its inverse.
 */
function withoutMargin(value: number, margin: Margin, direction: 'higher' | 'lower'): number {
  const isBad = direction === 'lower';
  if (margin.kind === 'absolute') return isBad ? value - margin.value : value + margin.value;
  return isBad === value >= 0 ? value / (1 + margin.value) : value * (1 + margin.value);
}

function levelOf({ definition }: MetricDesign): number {
  return (definition as TailMetric).level;
}

function inUnits(margin: Margin, control: number | null): number {
  return margin.kind === 'absolute' ? margin.value : margin.value * Math.abs(control ?? 0);
}

function finiteOrNull(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
