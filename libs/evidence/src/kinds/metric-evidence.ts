import { ByPropensity, rejects } from '#libs/statistics';
import { differenceOfShares } from '../analysis/objectives/difference-of-shares.js';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import { coverageMethod, type CoverageState } from './coverage-method.js';
import { distributionMethod, type DistributionState } from './distribution-method.js';
import { diversityMethod, type DiversityState } from './diversity-method.js';
import { incidenceMethod, type IncidenceState } from './incidence-method.js';
import { lowerTailMethod, type LowerTailState } from './lower-tail-method.js';
import { meanMethod, type MeanState } from './mean-method.js';
import { initialSample } from './picture-sample.js';
import type { JudgeContext, Judgement, Method, Observation, Estimates } from './method.js';
import { lnEAlwaysZero } from './nothing-happened.js';
import { predictedPreferenceMethod, type PredictedPreferenceState } from './predicted-preference-method.js';
import { preferenceMethod, type PreferenceState } from './preference-method.js';
import { quotientMethod, type QuotientState } from './quotient-method.js';
import { rateMethod, type RateState } from './rate-method.js';
import { ratioMethod, type RatioState } from './ratio-method.js';
import { shiftMethod, type ShiftState } from './shift-method.js';
import { upperTailMethod, type UpperTailState } from './upper-tail-method.js';

/** The evidence of one metric and pair, kept the way its kind asks for. */
export type MetricEvidence =
  | RateState
  | MeanState
  | UpperTailState
  | LowerTailState
  | RatioState
  | IncidenceState
  | PreferenceState
  | PredictedPreferenceState
  | QuotientState
  | ShiftState
  | DistributionState
  | DiversityState
  | CoverageState;

type Methods = { readonly [Kind in MetricEvidence['kind']]: Method<Extract<MetricEvidence, { readonly kind: Kind }>> };

const methods: Methods = {
  rate: rateMethod,
  mean: meanMethod,
  'upper-tail': upperTailMethod,
  'lower-tail': lowerTailMethod,
  ratio: ratioMethod,
  incidence: incidenceMethod,
  preference: preferenceMethod,
  'predicted-preference': predictedPreferenceMethod,
  quotient: quotientMethod,
  shift: shiftMethod,
  distribution: distributionMethod,
  diversity: diversityMethod,
  coverage: coverageMethod,
};

/** Metrics of one kind share their method; every state is handed to the method that made it. */
export function methodOf(kind: MetricEvidence['kind']): Method<MetricEvidence> {
  return methods[kind] as Method<never> as Method<MetricEvidence>;
}

export function initialMetric(metric: MetricDesign): MetricEvidence {
  return methodOf(metric.definition.kind).initial(metric);
}

/** @returns whether it was the unit's bad event of the window; see {@link Method.observe}. */
export function observeMetric(
  state: MetricEvidence,
  metric: MetricDesign,
  seen: Observation,
  baselineUnits: number,
): boolean {
  return methodOf(state.kind).observe(state, metric, seen, baselineUnits) === true;
}

export function mergeMetric(a: MetricEvidence, b: MetricEvidence): MetricEvidence {
  return methodOf(a.kind).merge(a, b);
}

export function judgeMetric(state: MetricEvidence | null, metric: MetricDesign, context: JudgeContext): Judgement {
  return methodOf(metric.definition.kind).judge(state ?? nothingOf(metric), metric, context);
}

/** Of metrics that nothing was observed of: made once, since nothing is ever folded into it. */
const nothings = new WeakMap<MetricDesign, MetricEvidence>();

function nothingOf(metric: MetricDesign): MetricEvidence {
  const known = nothings.get(metric);
  if (known !== undefined) return known;
  const made = initialMetric(metric);
  nothings.set(metric, made);
  return made;
}

/** An objective's numbers; `isPoints`: the effect is a difference of shares, since control's is 0 and a ratio would be infinite. */
export type ObjectiveNumbers = Pick<Estimates, 'control' | 'candidate' | 'effect' | 'interval'> &
  Pick<Judgement, 'special'> & { readonly isPoints?: true };

/** An objective's effect and its interval at level `context.alpha`, by the tests that decide where there are such. */
export function readObjective(
  state: MetricEvidence | null,
  metric: MetricDesign,
  context: JudgeContext,
): ObjectiveNumbers {
  const method = methodOf(metric.definition.kind);
  const known = state ?? nothingOf(metric);
  const { estimates, special, units } = method.judge(known, metric, context);
  const { control, candidate, effect, interval } = estimates;
  if (special === 'both-zero') {
    const isProven = rejects(lnEAlwaysZero(units), context.alpha);
    return { control: 0, candidate: 0, effect: 0, interval: isProven ? { low: 0, high: 0 } : null, special };
  }
  const shares = method.sharesOf?.(known, metric, context);
  if (shares && shares.control.hits === 0 && shares.control.units > 0 && shares.candidate.hits > 0) {
    const difference = differenceOfShares(shares.candidate, shares.lnRatio(context.alpha / 2), context.alpha);
    return { control: 0, candidate: difference.effect, ...difference, isPoints: true };
  }
  const decided = method.effectInterval?.(known, metric, context.alpha);
  return { control, candidate, effect, interval: decided === undefined ? interval : decided, special };
}

/** What of the design the stored numbers depend on, as plain JSON; see {@link Method.tuning}. */
export function tuningOf(metric: MetricDesign): unknown {
  return methodOf(metric.definition.kind).tuning(metric);
}

export function encodeMetric(state: MetricEvidence): unknown {
  return methodOf(state.kind).encode(state);
}

export function decodeMetric(encoded: unknown, kind: MetricEvidence['kind']): MetricEvidence {
  return methodOf(kind).decode(encoded as never);
}

export function isKind(kind: string): kind is MetricEvidence['kind'] {
  return Object.hasOwn(methods, kind);
}

/** Moves the values that several metrics show from the one that kept them to the one that does from now on. */
export function handOverValues(from: MetricEvidence, to: MetricEvidence): void {
  if (from.kind === 'upper-tail' && to.kind === 'upper-tail') {
    to.values = from.values;
    from.values = new ByPropensity();
  } else if ('sample' in from && 'sample' in to) {
    to.sample = from.sample;
    from.sample = initialSample();
  }
}
