import {
  type Arm,
  asymptoticHalfWidth,
  betNested,
  ByPropensity,
  type Covariance,
  initialCovariance,
  isRandomised,
  linearisedRatio,
  mergeNestedBetting,
  momentsOf,
  type NestedBetting,
  observePair,
  propensitiesOf,
  ratioBaseline,
  type RatioBaseline,
  type RatioEstimate,
  ratioOf,
  RECENT_MEMORY,
} from '#libs/statistics';
import type { AnalysisReason } from '../analysis/reasons.js';
import { bettingDesignOf, bettingEffect, bettingTuning, judgeBets, betsBeforeBaseline } from './baseline-betting.js';
import { type Baseline, fixedOf, initialBaseline, isWithin, mergeBaselines, usualFences } from './baseline.js';
import type { Estimates, Judgement, Method, Observation } from './method.js';
import { zeroIn } from './nothing-happened.js';
import { noEstimates, whyNotBoth } from './estimates.js';
import * as codec from './state-codec.js';
import { type ArmCounts, countOne, initialArmCounts, mergeArmCounts, ofArm } from './arm-counts.js';

/**
 * Ratios of two sums over units (GPU seconds per picture). Shown is the ratio of all events with its delta-method interval over units,
 * each counted once per allocation. What decides is betting on the first event's linearised value, at a line that
 * control's first units fix.
 *
 * A unit's own sums are kept in its mark: 16 bytes per unit and metric.
 */
export interface RatioState {
  readonly kind: 'ratio';
  readonly counts: ArmCounts;
  /** Control's first events, until the line is fixed; merged states keep none. */
  firsts: readonly (readonly [value: number, denominator: number])[];
  /** Whether they have denominators: without there is no ratio. */
  hasDenominator: boolean;
  line: RatioBaseline | null;
  /** Recent mean of both variants' denominators, which the next value is divided by; 0 before there is a line. */
  recentDenominator: number;
  /** The line's ratio and the spread of values linearised along it, as the baseline of a mean. */
  baseline: Baseline;
  readonly betting: NestedBetting;
  /** Sums over units by propensity and arm. */
  readonly cells: ByPropensity<Record<Arm, UnitSums>>;
}

/** Sums of the units' own sums S and denominators N. */
interface UnitSums {
  units: number;
  s: number;
  n: number;
  ss: number;
  nn: number;
  sn: number;
}

interface EncodedRatio {
  readonly counts: ArmCounts;
  readonly firsts: RatioState['firsts'];
  readonly hasDenominator: boolean;
  readonly line: RatioBaseline | null;
  readonly recentDenominator: number;
  readonly baseline: Baseline;
  readonly betting: codec.EncodedNestedBetting;
  readonly cells: readonly (readonly [number, Record<Arm, UnitSums>])[];
}

export const ratioMethod: Method<RatioState> = {
  initial: (metric) => ({
    kind: 'ratio',
    counts: initialArmCounts(),
    firsts: [],
    hasDenominator: false,
    line: null,
    recentDenominator: 0,
    baseline: initialBaseline(),
    betting: betsBeforeBaseline(metric),
    cells: new ByPropensity(),
  }),

  observe(state, metric, seen, baselineUnits) {
    const { arm, propensity, value, denominator, isFirst } = seen;
    if (!Number.isFinite(value) || !Number.isFinite(denominator)) return;
    countOne(state.counts.events, arm);
    if (isRandomised(propensity)) addEvent(ofArm(cellAt(state, propensity), arm), seen);
    if (!isFirst) return;
    countOne(state.counts.units, arm);
    if (metric.test === null) return;
    if (state.line === null) {
      if (arm === 'control') fixLine(state, value, denominator, baselineUnits);
      return;
    }
    const linear = linearisedRatio(value, denominator, { ...state.line, meanDenominator: state.recentDenominator });
    noteDenominator(state, state.line, denominator);
    const design = bettingDesignOf(state.baseline, metric, metric.test);
    betNested(state.betting, design, arm, propensity, metric.definition.direction === 'higher' ? linear : -linear);
  },

  merge: (a, b) => ({
    kind: 'ratio',
    counts: mergeArmCounts(a.counts, b.counts),
    firsts: [],
    hasDenominator: a.hasDenominator || b.hasDenominator,
    line: a.line ?? b.line,
    recentDenominator: a.line === null ? b.recentDenominator : a.recentDenominator,
    baseline: mergeBaselines(a.baseline, b.baseline),
    betting: mergeNestedBetting(a.betting, b.betting),
    cells: mergeCells(a.cells, b.cells),
  }),

  judge(state, metric, { alpha }) {
    const { counts, baseline, betting, hasDenominator } = state;
    const base = { estimates: ratioEstimates(state, alpha), units: counts.units, events: counts.events, shift: null };
    const { test } = metric;
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    if (counts.units.control === 0 && counts.units.candidate === 0) return { ...base, tests: null, missing: 'no-data' };
    const { fixed } = baseline;
    const { units } = base;
    if (fixed !== null)
      return { ...base, ...judgeBets({ betting, fixed, special: zerosOf(state), units }, metric, test) };
    const isEmpty = counts.units.control > 0 && !hasDenominator;
    return { ...base, tests: null, missing: isEmpty ? 'no-denominator' : 'baseline' };
  },

  effectInterval: ({ betting, baseline }, metric, alpha) => bettingEffect(betting, baseline.fixed, metric, alpha),

  tuning: bettingTuning,

  encode: ({ counts, firsts, hasDenominator, line, recentDenominator, baseline, betting, cells }): EncodedRatio => ({
    counts: structuredClone(counts),
    firsts: structuredClone(firsts),
    hasDenominator,
    line: line && { ...line },
    recentDenominator,
    baseline: structuredClone(baseline),
    betting: codec.encodeNestedBetting(betting),
    cells: structuredClone([...cells]),
  }),

  decode: ({ counts, firsts, hasDenominator, line, recentDenominator, baseline, betting, cells }: EncodedRatio) => ({
    kind: 'ratio',
    counts: structuredClone(counts),
    firsts: structuredClone(firsts),
    hasDenominator,
    line: line && { ...line },
    recentDenominator,
    baseline: structuredClone(baseline),
    betting: codec.decodeNestedBetting(betting),
    cells: new ByPropensity(structuredClone(cells) as [number, Record<Arm, UnitSums>][]),
  }),
};

function zerosOf({ cells }: RatioState): Judgement['special'] {
  const of = (arm: Arm) => {
    const sums = [...cells.values()].map((cell) => cell[arm]);
    return { units: sums.reduce((all, { units }) => all + units, 0), isZero: sums.every(({ ss }) => ss === 0) };
  };
  return zeroIn(of('control'), of('candidate'));
}

/**
 * The event that completes the baseline fixes the line, once and for all; without denominators there is none. Events with an absurd numerator or
 * denominator are left out, as absurd values of a mean.
 */
function fixLine(state: RatioState, value: number, denominator: number, baselineUnits: number): void {
  state.firsts = [...state.firsts, [value, denominator] as const].slice(-baselineUnits);
  state.hasDenominator = state.firsts.some(([, y]) => y !== 0);
  if (state.firsts.length < baselineUnits) return;
  const ofValues = usualFences(state.firsts.map(([x]) => x));
  const ofDenominators = usualFences(state.firsts.map(([, y]) => y));
  const usual = initialCovariance();
  const usualPairs = state.firsts.filter(([x, y]) => isWithin(ofValues, x) && isWithin(ofDenominators, y));
  for (const [x, y] of usualPairs) observePair(usual, x, y);
  const line = ratioBaseline(usual);
  state.hasDenominator = line !== null;
  if (line === null) return;
  const linear = ([x, y]: readonly [number, number]): number => linearisedRatio(x, y, line);
  // The spread of what is linearised is the delta method's: v_x − 2R c_xy + R² v_y, over the mean denominator squared.
  const fixed = fixedOf(momentsOf(usualPairs.map(linear)), state.firsts.map(linear));
  state.line = line;
  state.recentDenominator = line.meanDenominator;
  state.firsts = [];
  state.baseline = { ...state.baseline, fixed };
}

/** One denominator moves the recent mean by no more than one of so many times its size would. */
const LARGEST_DENOMINATOR = 10;
/** The recent mean is not taken to be less than so much of the baseline's: nothing is divided by next to nothing. */
const LEAST_DENOMINATOR = 0.01;

/**
 * The mean by which a value is divided follows the denominators of late, from the past alone. With the baseline's for ever the effect would be
 * four times what it is once users ask for four pictures where they asked for one.
 */
function noteDenominator(state: RatioState, { meanDenominator }: RatioBaseline, denominator: number): void {
  const sign = Math.sign(meanDenominator);
  const recent = sign * state.recentDenominator;
  const seen = Math.min(LARGEST_DENOMINATOR * recent, Math.max(0, sign * denominator));
  const next = recent + (seen - recent) / RECENT_MEMORY;
  state.recentDenominator = sign * Math.max(LEAST_DENOMINATOR * Math.abs(meanDenominator), next);
}

/**
 * A unit's next event changes its S and N: ΣS² += (S + x)² − S², ΣN² and ΣSN alike, multiplied out so that large sums don't cancel
 * (Deng, Knoblich, Lu, KDD 2018).
 */
function addEvent(sums: UnitSums, { value, denominator, before }: Observation): void {
  const s = before?.sum ?? 0;
  const n = before?.denominator ?? 0;
  if (before === null) sums.units += 1;
  sums.s += value;
  sums.n += denominator;
  sums.ss += value * (2 * s + value);
  sums.nn += denominator * (2 * n + denominator);
  sums.sn += s * denominator + value * (n + denominator);
}

/** Under the allocation that has shown the candidate to most units: over a ramp, drift would look like a difference. */
function ratioEstimates({ cells, counts }: RatioState, alpha: number): Estimates {
  let cell: Record<Arm, UnitSums> | null = null;
  for (const candidate of cells.values()) {
    if (cell === null || candidate.candidate.units > cell.candidate.units) cell = candidate;
  }
  if (cell === null) return noEstimates(whyNotBoth(counts.units) ?? 'not-randomised');
  const control = ratioOf(covarianceOf(cell.control));
  const candidate = ratioOf(covarianceOf(cell.candidate));
  const estimates = { control: control?.ratio ?? null, candidate: candidate?.ratio ?? null };
  if (control === null || candidate === null) {
    const reason = whyNoRatio(cell, counts);
    return { ...estimates, effect: null, interval: null, noEffect: reason, noInterval: reason };
  }
  const units = cell.control.units + cell.candidate.units;
  return {
    ...estimates,
    effect: candidate.ratio - control.ratio,
    noEffect: null,
    ...interval(control, candidate, units, alpha),
  };
}

function interval(
  control: RatioEstimate,
  candidate: RatioEstimate,
  units: number,
  alpha: number,
): Pick<Estimates, 'interval' | 'noInterval'> {
  if (control.variance === null || candidate.variance === null)
    return { interval: null, noInterval: 'not-enough-data' };
  const standardError = Math.sqrt(control.variance + candidate.variance);
  if (standardError === 0) return { interval: null, noInterval: 'no-variance' };
  const halfWidth = asymptoticHalfWidth(standardError, units, alpha);
  const effect = candidate.ratio - control.ratio;
  return { interval: { low: effect - halfWidth, high: effect + halfWidth }, noInterval: null };
}

function whyNoRatio(cell: Record<Arm, UnitSums>, counts: ArmCounts): AnalysisReason {
  const byUnits = whyNotBoth(counts.units);
  if (byUnits !== null) return byUnits;
  const isEmpty = [cell.control, cell.candidate].some(({ units, n }) => units > 0 && n === 0);
  return isEmpty ? 'no-denominator' : 'not-enough-data';
}

function covarianceOf({ units, s, n, ss, nn, sn }: UnitSums): Covariance {
  if (units === 0) return initialCovariance();
  return {
    n: units,
    meanX: s / units,
    meanY: n / units,
    sumXX: Math.max(0, ss - (s * s) / units),
    sumYY: Math.max(0, nn - (n * n) / units),
    sumXY: sn - (s * n) / units,
  };
}

function cellAt(state: RatioState, propensity: number): Record<Arm, UnitSums> {
  return state.cells.at(propensity, nothing);
}

function nothing(): Record<Arm, UnitSums> {
  return { control: noSums(), candidate: noSums() };
}

function mergeCells(a: RatioState['cells'], b: RatioState['cells']): RatioState['cells'] {
  const merged: RatioState['cells'] = new ByPropensity();
  for (const propensity of propensitiesOf(a, b)) {
    const left = a.get(propensity);
    const right = b.get(propensity);
    merged.set(propensity, {
      control: addSums(left?.control ?? noSums(), right?.control ?? noSums()),
      candidate: addSums(left?.candidate ?? noSums(), right?.candidate ?? noSums()),
    });
  }
  return merged;
}

function addSums(a: UnitSums, b: UnitSums): UnitSums {
  return {
    units: a.units + b.units,
    s: a.s + b.s,
    n: a.n + b.n,
    ss: a.ss + b.ss,
    nn: a.nn + b.nn,
    sn: a.sn + b.sn,
  };
}

function noSums(): UnitSums {
  return { units: 0, s: 0, n: 0, ss: 0, nn: 0, sn: 0 };
}
