import {
  addToSketch,
  type Arm,
  hit,
  initialSketch,
  initialTilt,
  lnELessOften,
  lnEMoreOften,
  mergeSketches,
  mergeTilt,
  quantile,
  quantileInterval,
  type QuantileSketch,
  type Tilt,
} from '#libs/statistics';
import type { Margin } from '#libs/contracts';
import type { MetricTest } from './design.js';
import { TAIL_QUANTILE } from './metrics.js';
import type { Method } from './method.js';
import { addToPast, initialPastQuantile, mergePastQuantiles, type PastQuantile } from './past-quantile.js';
import * as codec from './state-codec.js';
import { initialTally, mergeTally, type Tally } from './tally.js';

const P = TAIL_QUANTILE['upper-tail'];

/**
 * Upper tails (latency), judged by the tilt on "exceeds control's past 95th percentile". The margin is taken out of the
 * candidate's value beforehand (÷ (1 + margin), or − margin), so that every boundary is "equally often". +∞ exceeds every limit.
 */
export interface UpperTailState {
  readonly kind: 'upper-tail';
  readonly tally: Tally;
  readonly limit: PastQuantile;
  /** Exceedances at the boundary of harm, at every step of the budget, and at no margin. */
  readonly exceedances: readonly Tilt[];
  /** First values by propensity and arm, for the eye: under one allocation both see the same traffic. */
  readonly values: Map<number, Record<Arm, QuantileSketch>>;
}

interface EncodedUpperTail {
  readonly tally: Tally;
  readonly past: codec.EncodedSketch;
  readonly limit: number | 'infinite' | null;
  readonly refreshAt: number;
  readonly exceedances: readonly codec.EncodedTilt[];
  readonly values: readonly (readonly [number, codec.EncodedSketch, codec.EncodedSketch])[];
}

export const upperTailMethod: Method<UpperTailState> = {
  initial: ({ test }) => ({
    kind: 'upper-tail',
    tally: initialTally(),
    limit: initialPastQuantile(),
    exceedances: boundaries(test).map(initialTilt),
    values: new Map(),
  }),

  observe(state, { test }, { arm, propensity, value, isFirst }) {
    state.tally.events[arm] += 1;
    if (!isFirst) return;
    state.tally.units[arm] += 1;
    addToSketch(valuesAt(state, propensity)[arm], value);
    const { limit } = state.limit;
    if (test !== null && limit !== null) {
      if (arm === 'control') {
        if (value > limit) for (const tilt of state.exceedances) hit(tilt, arm, propensity);
      } else {
        boundariesOf(test).forEach((margin, index) => {
          if (withoutMargin(value, margin) > limit) hit(state.exceedances[index] as Tilt, arm, propensity);
        });
      }
    }
    if (arm === 'control') addToPast(state.limit, value, P);
  },

  merge: (a, b) => ({
    kind: 'upper-tail',
    tally: mergeTally(a.tally, b.tally),
    limit: mergePastQuantiles(a.limit, b.limit),
    exceedances: a.exceedances.map((tilt, index) => mergeTilt(tilt, b.exceedances[index] as Tilt)),
    values: mergeValues(a.values, b.values),
  }),

  judge(state, { test }, alpha) {
    const base = { ...shownTail(state, alpha), units: state.tally.units, events: state.tally.events };
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (state.tally.units.control === 0 && state.tally.units.candidate === 0)
      return { ...base, tests: null, missing: 'no-data' };
    if (state.limit.limit === null) return { ...base, tests: null, missing: 'baseline' };
    if (state.limit.limit === Infinity) return { ...base, tests: null, missing: 'control-tail-infinite' };
    const [harm, ...others] = state.exceedances as readonly [Tilt, ...Tilt[]];
    const margin = inUnits(test.margin, base.estimate.control);
    return {
      ...base,
      tests: {
        margin,
        harmful: lnEMoreOften(harm, 0),
        nonInferior: lnELessOften(others[test.budget.length - 1] as Tilt, 0),
        superior: lnELessOften(others[test.budget.length] as Tilt, 0),
        budget: test.budget.map((step, index) => ({
          sharePpm: step.sharePpm,
          margin: inUnits(step.margin, base.estimate.control),
          lnENonInferior: lnELessOften(others[index] as Tilt, 0),
        })),
      },
      missing: null,
    };
  },

  encode: ({ tally, limit, exceedances, values }): EncodedUpperTail => ({
    tally: structuredClone(tally),
    past: codec.encodeSketch(limit.past),
    limit: limit.limit === Infinity ? 'infinite' : limit.limit,
    refreshAt: limit.refreshAt,
    exceedances: exceedances.map(codec.encodeTilt),
    values: [...values].map(
      ([propensity, { control, candidate }]) =>
        [propensity, codec.encodeSketch(control), codec.encodeSketch(candidate)] as const,
    ),
  }),

  decode: ({ tally, past, limit, refreshAt, exceedances, values }: EncodedUpperTail) => ({
    kind: 'upper-tail',
    tally: structuredClone(tally),
    limit: { past: codec.decodeSketch(past), limit: limit === 'infinite' ? Infinity : limit, refreshAt },
    exceedances: exceedances.map(codec.decodeTilt),
    values: new Map(
      values.map(([propensity, control, candidate]) => [
        propensity,
        { control: codec.decodeSketch(control), candidate: codec.decodeSketch(candidate) },
      ]),
    ),
  }),
};

/**
 * The quantile of both variants under the allocation that has shown the candidate to most units, and their relative
 * difference with the interval that follows from both variants' quantile sequences at α/2.
 */
function shownTail({ values }: UpperTailState, alpha: number) {
  let shown: Record<Arm, QuantileSketch> | null = null;
  for (const stage of values.values()) {
    if (shown === null || stage.candidate.n > shown.candidate.n) shown = stage;
  }
  const control = shown && finiteOrNull(quantile(shown.control, P));
  const candidate = shown && finiteOrNull(quantile(shown.candidate, P));
  if (shown === null || control === null || candidate === null || control === 0) {
    return { estimate: { control, candidate, effect: null }, interval: null };
  }
  const ofControl = quantileInterval(shown.control, P, alpha / 2);
  const ofCandidate = quantileInterval(shown.candidate, P, alpha / 2);
  const low = ofCandidate.low / ofControl.high - 1;
  const high = ofCandidate.high / ofControl.low - 1;
  const isKnown = ofControl.low > 0 && Number.isFinite(low) && Number.isFinite(high);
  return {
    estimate: { control, candidate, effect: candidate / control - 1 },
    interval: isKnown ? { low, high } : null,
  };
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

function withoutMargin(value: number, margin: Margin): number {
  return margin.kind === 'relative' ? value / (1 + margin.value) : value - margin.value;
}

function inUnits(margin: Margin, control: number | null): number {
  return margin.kind === 'absolute' ? margin.value : margin.value * (control ?? 0);
}

function valuesAt(state: UpperTailState, propensity: number): Record<Arm, QuantileSketch> {
  const known = state.values.get(propensity);
  if (known) return known;
  const fresh = { control: initialSketch(), candidate: initialSketch() };
  state.values.set(propensity, fresh);
  return fresh;
}

function mergeValues(a: UpperTailState['values'], b: UpperTailState['values']): UpperTailState['values'] {
  const merged: UpperTailState['values'] = new Map();
  for (const propensity of [...new Set([...a.keys(), ...b.keys()])].sort((x, y) => x - y)) {
    const left = a.get(propensity);
    const right = b.get(propensity);
    merged.set(propensity, {
      control: mergeSketches(left?.control ?? initialSketch(), right?.control ?? initialSketch()),
      candidate: mergeSketches(left?.candidate ?? initialSketch(), right?.candidate ?? initialSketch()),
    });
  }
  return merged;
}

function finiteOrNull(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
