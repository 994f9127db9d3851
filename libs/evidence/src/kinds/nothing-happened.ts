import { type Margin, MILLION } from '#libs/contracts';
import { rejects } from '#libs/statistics';
import type { Fixed } from './baseline.js';
import type { MetricTest } from '../catalogue/evidence-design.js';
import type { Judgement, Tests } from './method.js';

/** Of the candidate's units so many may be anything but 0 where control's value is 0, whatever a relative margin says: a percentage of 0 is none. */
const ALLOWED_SHARE = 0.01;

/** A variant's first values of a metric: how many, and whether each of them was 0. */
export interface ZeroCount {
  readonly units: number;
  readonly isZero: boolean;
}

/**
 * What there is to say where a metric of control is always 0: `both-zero` where the candidate's is as well, `zero-control` where it is not.
 * Undefined while control has other values, or none.
 */
export function zeroIn(control: ZeroCount, candidate: ZeroCount): Judgement['special'] {
  if (control.units === 0 || !control.isZero) return undefined;
  return candidate.isZero ? 'both-zero' : 'zero-control';
}

/**
 * ln E against "a share of `share` or more of a variant's units are hit", when none of `units` was: the likelihood ratio of "none ever is",
 * (1 − share)^−units, which is an e-process for that hypothesis however often it is looked at.
 */
export function lnENoneHit(units: number, share: number): number {
  return -units * Math.log1p(-Math.min(LARGEST_SHARE, share));
}

const LARGEST_SHARE = 0.5;

/** ln E against "one unit in a hundred has another value than 0", when all have been 0. */
export function lnEAlwaysZero(units: Judgement['units']): number {
  return lnENoneHit(Math.min(units.control, units.candidate), ALLOWED_SHARE);
}

/**
 * Tests of a relative margin without a floor where both variants have always been 0. Of nothing there is no percentage; what can be
 * proven is that a share of the candidate's units below one in a hundred is anything else, and that share × what a step risks stays below it.
 */
export function bothZeroTests(test: MetricTest, units: Judgement['units']): Tests {
  const fewer = Math.min(units.control, units.candidate);
  return {
    margin: 0,
    harmful: 0,
    nonInferior: lnENoneHit(fewer, ALLOWED_SHARE),
    superior: 0,
    budget: test.budget.map(({ sharePpm }) => ({
      sharePpm,
      margin: 0,
      lnENonInferior: lnENoneHit(fewer, ALLOWED_SHARE / (sharePpm / MILLION)),
    })),
  };
}

/** A mean nearer to 0 than so many standard deviations of its values gives a margin that a million values could not prove. */
const NEAR_ZERO_SPREADS = 0.2;

/**
 * Whether a relative margin without a floor means nothing: of a mean below 0, at 0, or that can't be told from 0 beside the spread of its
 * values there is no percentage. (Control's cosine of −0.022 and a margin of −1 % would allow 0.0002.)
 */
export function isNoSize({ mean, spread }: Fixed, { margin: { kind, floor } }: Pick<MetricTest, 'margin'>): boolean {
  return kind === 'relative' && floor === undefined && !(mean > NEAR_ZERO_SPREADS * spread && mean > 0);
}

/**
 * What is left of tests whose margin means nothing: whether the candidate is better than control, and any harm at all where that
 * rolls back.
 */
export function withoutMargin(tests: Tests, { anyHarm }: MetricTest): Tests {
  return {
    ...tests,
    margin: 0,
    harmful: anyHarm ? tests.harmful : 0,
    nonInferior: 0,
    budget: tests.budget.map((step) => ({ ...step, margin: 0, lnENonInferior: 0 })),
  };
}

/** So sure has to be that control's values never leave its own tail limit before a tail counts as empty: chance leaves it so one time in a thousand. */
const EMPTY_ALPHA = 0.001;

/**
 * Whether a tail holds nothing: control has met its limit so often that a tail of the nominal share would have been hit. That is so where
 * many values are equal, as a fixed amount of memory or a time of 0.
 */
export function isTailEmpty(controlUnits: number, nominalShare: number): boolean {
  return rejects(lnENoneHit(controlUnits, nominalShare), EMPTY_ALPHA);
}

/**
 * Tests of a tail that holds nothing, neither of control nor of the candidate: how rarely the candidate can be beyond the limit.
 * @param level the share that is beyond control's limit where values are not equal.
 */
export function emptyTailTests({ margin, budget }: MetricTest, level: number, units: Judgement['units']): Tests {
  const fewer = Math.min(units.control, units.candidate);
  return {
    margin: margin.value,
    harmful: 0,
    nonInferior: lnENoneHit(fewer, tailShareAt(margin, level)),
    superior: 0,
    budget: budget.map((step) => ({
      sharePpm: step.sharePpm,
      margin: step.margin.value,
      lnENonInferior: lnENoneHit(fewer, tailShareAt(step.margin, level)),
    })),
  };
}

/** How much of the candidate's values a margin allows beyond the limit. */
function tailShareAt({ kind, value, floor = 0 }: Margin, level: number): number {
  return level + (kind === 'absolute' ? value : Math.max(level * value, floor));
}
