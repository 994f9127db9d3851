import { expectMetric, expectNumber, type PlannedMetric } from './planned-metric.js';
import { pointOfRuns, spreadOfRuns, type SpreadOfRuns } from './spread-of-runs.js';
import { stoppingUnits } from './stopping-units.js';
import { growthPerUnit, largestMargin, unitLaw, type UnitLaw } from './unit-law.js';

export const DEFAULT_RUNS = 400;
const DEFAULT_SEED = 1;
/** Runs are followed to so many times what the growth rate says; all but a few in ten thousand have rejected by then. */
const HORIZON_IN_BOUNDS = 12;
const SHORTEST_HORIZON = 200;

export interface UnitsQuestion {
  readonly metric: PlannedMetric;
  /** How much worse the candidate is, in the metric's scale of effects; negative: better. */
  readonly effect: number;
  /** The guardrail's margin, 0 or more, in the same scale. */
  readonly margin: number;
  /** The candidate's share of the units, the propensity. */
  readonly share: number;
  readonly alpha: number;
  /** Probability with which the answer's units are to suffice. */
  readonly power: number;
  readonly seed?: number;
  readonly runs?: number;
}

export type UnitsAnswer =
  | (SpreadOfRuns & {
      readonly missing: null;
      /** Units of both variants that suffice with the wanted power; the candidate's part of them. */
      readonly units: number;
      readonly candidateUnits: number;
      /** The simulation's standard error of `units`. */
      readonly unitsStandardError: number | null;
      /** (ln(1/α) + ln(number of bets)) / expected growth of the best bet: where ln E arrives on average, roughly. */
      readonly unitsByGrowth: number;
    })
  | { readonly missing: UnitsRefusal };

/**
 * Why no number of units is enough.
 * - `effect-within-margin`: harm up to the margin is accepted, so it can never be proven harmful.
 * - `effect-beyond-margin`: harm of the margin or more can never be proven to be less than it.
 * - `too-close-to-margin`: right side of the margin, but even the smallest bet loses on average.
 * - `margin-beyond-range`: the margin is more than half of the metric's range, which no test reaches.
 * - `no-events`: neither variant ever has an event, and only events are counted.
 * - `not-randomised`: a share of 0 or 1 compares nothing.
 * - `beyond-simulation`: more runs than the power allows didn't end within twelve times what the growth rate says.
 */
export type UnitsRefusal =
  | 'effect-within-margin'
  | 'effect-beyond-margin'
  | 'too-close-to-margin'
  | 'margin-beyond-range'
  | 'no-events'
  | 'not-randomised'
  | 'beyond-simulation';

/**
 * Units after which "worse by at most the margin" is rejected with the wanted power, looked at all the time: how long a bad
 * candidate stays. Simulated with the increments of the deciding e-process, {@link DEFAULT_RUNS} runs, repeatable by `seed`.
 *
 * Source of the growth rate: Kelly, Bell Syst. Tech. J. 35 (1956); as a sample size Waudby-Smith & Ramdas, JRSS-B 86 (2024), §4.
 * Assumptions: the metric's law as described there, independent units, a constant share. Not in it: the units that fix a baseline.
 */
export function unitsToDetect(question: UnitsQuestion): UnitsAnswer {
  const refusal = expectQuestion(question);
  if (refusal !== null) return { missing: refusal };
  if (question.effect <= question.margin) return { missing: 'effect-within-margin' };
  const law = detectionLaw(question);
  return unitsOf(law, question);
}

/**
 * Units after which "worse by the margin or more" is rejected with the wanted power: how long a harmless candidate has to wait
 * (`effect` 0: an equal one). `toShare` w: what a ramp needs to move on to share w, the exclusion of margin ÷ w, cut at half of the
 * metric's range as the deciding test cuts it; default 1, the margin itself. Otherwise as {@link unitsToDetect}.
 */
export function unitsToProve({ toShare = 1, ...question }: UnitsQuestion & { readonly toShare?: number }): UnitsAnswer {
  expectNumber('toShare', toShare, toShare > 0 && toShare <= 1, 'a share above 0');
  const refusal = expectQuestion(question);
  if (refusal !== null) return { missing: refusal };
  const { metric, effect, share, margin } = question;
  const boundary = Math.min(margin / toShare, largestMargin(metric, margin));
  if (effect >= boundary) return { missing: 'effect-beyond-margin' };
  return unitsOf(unitLaw(metric, effect, share, { margin, harmfulAt: [], nonInferiorAt: [boundary] }), question);
}

/** Hours until so many units have come. Null without traffic. */
export function hoursFor(units: number, unitsPerHour: number): number | null {
  expectNumber('units', units, units >= 0, 'a number from 0 on');
  expectNumber('unitsPerHour', unitsPerHour, unitsPerHour >= 0, 'a number from 0 on');
  if (units === 0) return 0;
  return unitsPerHour === 0 ? null : units / unitsPerHour;
}

export function detectionLaw({ metric, effect, share, margin }: Omit<UnitsQuestion, 'power'>): UnitLaw {
  return unitLaw(metric, effect, share, { margin, harmfulAt: [margin], nonInferiorAt: [] });
}

/** Throws on numbers that make no sense; a refusal for those that do, but can't be answered whatever the effect is. */
export function expectQuestion(question: UnitsQuestion): UnitsRefusal | null {
  const { metric, effect, margin, share, alpha, power, runs = DEFAULT_RUNS } = question;
  expectMetric(metric, effect);
  expectNumber('margin', margin, margin >= 0 && margin < Infinity, 'a number from 0 on');
  expectNumber('share', share, share >= 0 && share <= 1, 'a number from 0 to 1');
  expectNumber('alpha', alpha, alpha > 0 && alpha < 1, 'a number between 0 and 1');
  expectNumber('power', power, power > 0 && power < 1, 'a number between 0 and 1');
  expectNumber('runs', runs, Number.isInteger(runs) && runs > 0, 'a positive integer');
  if (share === 0 || share === 1) return 'not-randomised';
  if (margin > largestMargin(metric, margin)) return 'margin-beyond-range';
  if (metric.kind === 'relative-rate' && metric.rate === 0) return 'no-events';
  return null;
}

function unitsOf(
  law: UnitLaw,
  { alpha, power, share, runs = DEFAULT_RUNS, seed = DEFAULT_SEED }: UnitsQuestion,
): UnitsAnswer {
  const growth = growthPerUnit(law, 0);
  if (!(growth > 0)) return { missing: 'too-close-to-margin' };
  const unitsByGrowth = Math.ceil((Math.log(law.perTest) - Math.log(alpha)) / growth);
  const mostUnits = Math.max(SHORTEST_HORIZON, HORIZON_IN_BOUNDS * unitsByGrowth);
  const ends = stoppingUnits(law, 0, { alpha, mostUnits, runs, seed });
  const { at: units, standardError } = pointOfRuns(ends, power);
  if (units === null) return { missing: 'beyond-simulation' };
  return {
    missing: null,
    units,
    candidateUnits: units * share,
    unitsStandardError: standardError,
    ...spreadOfRuns(ends),
    unitsByGrowth,
  };
}
