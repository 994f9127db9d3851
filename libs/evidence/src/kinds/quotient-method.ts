import type { Margin } from '#libs/contracts';
import { MILLION } from '#libs/contracts';
import { lnEHarmful, lnELessOften, lnEMoreOften, lnENonInferior, logMeanExp } from '#libs/statistics';
import { GAIN_GRID, type MetricDesign, type MetricTest } from '../catalogue/evidence-design.js';
import type { IncidenceState } from './incidence-method.js';
import { incidenceMethod } from './incidence-method.js';
import { meanMethod, type MeanState } from './mean-method.js';
import type { JudgeContext, Judgement, Method, Tests } from './method.js';

/**
 * The quotient of two metrics per unit, which may read different topics (spend per unit ÷ share of units that download). It has no
 * evidence of its own: what is proven of it follows from what is proven of its parts.
 *
 * Let x be candidate ÷ control of a part. "The quotient is at least 1 + m times control's" implies, for every pair (a, c) with
 * (1 + a) ÷ (1 + c) ≤ 1 + m, that x of the numerator is at least 1 + a or x of the denominator at most 1 + c. So the smaller of the two
 * e-values against these is an e-value against it, whatever the dependence of the parts and however far either of them has been read
 * (intersection–union test: Berger, Technometrics 24, 1982); over several fixed pairs they are averaged.
 */
export interface QuotientState {
  readonly kind: 'quotient';
}

export const quotientMethod: Method<QuotientState> = {
  initial: () => ({ kind: 'quotient' }),
  observe: () => false,
  merge: (a) => a,

  judge(_state, metric, context) {
    const [numerator, denominator] = (metric.parts ?? []).map((part) => partOf(part, context));
    if (numerator === undefined || denominator === undefined) return NOTHING;
    const judgements = [numerator.judgement, denominator.judgement] as const;
    const base = {
      estimates: estimatesOf(judgements),
      units: fewer(judgements, 'units'),
      events: fewer(judgements, 'events'),
      shift: null,
    };
    const { test } = metric;
    if (test === null) return { ...base, tests: null, missing: 'only-observed' };
    const missing = judgements.find((judgement) => judgement.tests === null)?.missing;
    if (missing !== undefined) return { ...base, tests: null, missing };
    if (!numerator.isSize || !denominator.isSize) return { ...base, tests: null, missing: 'zero-control' };
    return { ...base, tests: testsOf(numerator, denominator, test, metric.definition.direction), missing: null };
  },

  tuning: () => null,
  encode: () => null,
  decode: () => ({ kind: 'quotient' }),
};

const NOBODY = { control: 0, candidate: 0 } as const;
const NO_ESTIMATES = { control: null, candidate: null, effect: null, interval: null } as const;
const NOTHING: Judgement = {
  estimates: { ...NO_ESTIMATES, noEffect: 'no-data', noInterval: 'no-data' },
  units: NOBODY,
  events: NOBODY,
  tests: null,
  shift: null,
  missing: 'no-data',
};

/** What is known of one part: ln E against "candidate ÷ control is at least 1 + change", and at most. */
interface Part {
  readonly judgement: Judgement;
  /** Whether control's value is one that a change can be a share of. */
  readonly isSize: boolean;
  readonly belowE: (change: number) => number;
  readonly aboveE: (change: number) => number;
}

function partOf(metric: MetricDesign, context: JudgeContext): Part {
  const state = context.states.get(metric.definition.name);
  if (state?.kind === 'incidence') return deeds(state as IncidenceState, metric, context);
  return mean((state as MeanState | undefined) ?? meanMethod.initial(metric), metric, context);
}

function deeds(state: IncidenceState, metric: MetricDesign, context: JudgeContext): Part {
  return {
    judgement: incidenceMethod.judge(state, metric, context),
    isSize: true,
    belowE: (change) => lnELessOften(state.firsts, Math.log1p(change)),
    aboveE: (change) => lnEMoreOften(state.firsts, Math.log1p(change)),
  };
}

/** A mean is tested at the changes of the grid, within its widest bounds. */
function mean(state: MeanState, metric: MetricDesign, context: JudgeContext): Part {
  const judgement = meanMethod.judge(state, metric, context);
  const widest = state.betting.levels.at(-1);
  const sign = metric.definition.direction === 'higher' ? 1 : -1;
  const steps = metric.test?.budget.length ?? 0;
  // In the widest bounds stand the last step, "better at all" and then the grid; of harm the margin and then the grid.
  const nested = state.betting.levels.length > 1;
  const firstProof = (nested ? 1 : steps) + 1;
  const worse = (margin: number): number => (widest ? lnEHarmful(widest, 1 + gridIndex(margin)) : 0);
  const within = (margin: number): number => (widest ? lnENonInferior(widest, firstProof + gridIndex(margin)) : 0);
  return {
    judgement,
    isSize: (state.baseline.fixed?.mean ?? 0) > 0,
    // Of what is better higher a change of a is an effect of +a, of all others of −a; "at least a" is harm of at most −a, or not within a.
    belowE: (change) => (sign > 0 ? worse(0 - change) : within(change)),
    aboveE: (change) => (sign > 0 ? within(0 - change) : worse(change)),
  };
}

function gridIndex(margin: number): number {
  const index = GAIN_GRID.findIndex((gain) => gain === margin || (gain === 0 && margin === 0));
  if (index < 0) throw new RangeError(`change ${margin}: expected one of the grid`);
  return index;
}

/** Parts of a margin that the first part may use, where the quotient is to be shown not to have changed: both parts may be as they were. */
const SPLITS: readonly number[] = [0.25, 0.5, 0.75];

/** Where more is better, the inverse quotient is what may not rise. */
function testsOf(numerator: Part, denominator: Part, test: MetricTest, direction: 'higher' | 'lower'): Tests {
  const [over, under] = direction === 'lower' ? [numerator, denominator] : [denominator, numerator];
  const rise = (margin: Margin): number =>
    direction === 'lower' ? margin.value : 1 / Math.max(1 - margin.value, 0.01) - 1;
  return {
    margin: test.margin.value,
    harmful: lnERisen(over, under, rise(test.harmBeyond)),
    nonInferior: lnENotRisen(over, under, rise(test.margin)),
    superior: lnERisen(under, over, 0),
    budget: test.budget.map(({ sharePpm, margin }) => ({
      sharePpm,
      margin: margin.value,
      lnENonInferior: sharePpm <= MILLION ? lnENotRisen(over, under, rise(margin)) : 0,
    })),
  };
}

/** ln E against "over ÷ under has risen by at least `rise`". */
function lnENotRisen(over: Part, under: Part, rise: number): number {
  const pairs = SPLITS.flatMap((split) => {
    const a = largestUpTo(Math.expm1(split * Math.log1p(rise)));
    const c = smallestFrom((1 + a) / (1 + rise) - 1);
    return a > 0 && c < 0 ? [[a, c] as const] : [];
  });
  return mixed(pairs.map(([a, c]) => Math.min(over.belowE(a), under.aboveE(c))));
}

/** How far the other part may have changed beside one that has risen, or fallen, by all of it. */
const SLACKS: readonly number[] = [0.05, 0.1];

/** ln E against "over ÷ under has risen by at most `rise`": by the one part, by the other, or by both. */
function lnERisen(over: Part, under: Part, rise: number): number {
  const changes = [
    ...SLACKS,
    ...SLACKS.map((slack) => largestUpTo((1 - slack) / (1 + rise) - 1)),
    largestUpTo(1 / Math.sqrt(1 + rise) - 1),
  ];
  const pairs = changes.flatMap((c) => {
    const a = smallestFrom((1 + rise) * (1 + c) - 1);
    return Number.isFinite(a) && Number.isFinite(c) ? [[a, c] as const] : [];
  });
  return mixed(pairs.map(([a, c]) => Math.min(over.aboveE(a), under.belowE(c))));
}

function mixed(lnEs: readonly number[]): number {
  return lnEs.length === 0 ? 0 : logMeanExp(lnEs);
}

/** −∞ where the grid does not reach so far. */
function largestUpTo(change: number): number {
  return Math.max(...GAIN_GRID.filter((gain) => gain <= change + ROUNDING && gain > -1));
}

/** +∞ where the grid does not reach so far. */
function smallestFrom(change: number): number {
  return Math.min(...GAIN_GRID.filter((gain) => gain >= change - ROUNDING && gain > -1));
}

/** Of products of shares. A pair off by this moves the boundary by as much. */
const ROUNDING = 1e-12;

type Judgements = readonly [numerator: Judgement, denominator: Judgement];

function estimatesOf([numerator, denominator]: Judgements): Judgement['estimates'] {
  const of = (arm: 'control' | 'candidate'): number | null => {
    const [over, under] = [numerator.estimates[arm], denominator.estimates[arm]];
    return over === null || under === null || under === 0 ? null : over / under;
  };
  const [control, candidate] = [of('control'), of('candidate')];
  const effect = control === null || candidate === null || control === 0 ? null : candidate / control - 1;
  const reason = effect === null ? 'not-enough-data' : null;
  return { control, candidate, effect, interval: null, noEffect: reason, noInterval: reason ?? 'no-interval' };
}

function fewer([one, other]: Judgements, what: 'units' | 'events'): Judgement['units'] {
  return {
    control: Math.min(one[what].control, other[what].control),
    candidate: Math.min(one[what].candidate, other[what].candidate),
  };
}
