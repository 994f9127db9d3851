import { type Arm, isRandomised } from '../arm.js';
import { ByPropensity, propensitiesOf } from '../by-propensity.js';
import { logMeanExp, logSumExp } from '../distributions/log-space.js';

/** Half of the grid of tilts (ln rate ratios, relative to the boundary) that are mixed; the other half mirrors it. */
export const TILTS: readonly number[] = [0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2];

const DOWNWARDS: readonly number[] = TILTS.map((tilt) => -tilt);
const BOTH_SIDES: readonly number[] = [...TILTS, ...TILTS.map((tilt) => -tilt)];

/** Beyond a ratio of 10,000 the ends of an interval are said to be this far and no further. */
const FURTHEST_LN_RATIO = Math.log(10_000);

/**
 * Propensity-tilt e-process for events: is the rate of an event (an error, a value above a limit) the same in both variants?
 * At every event that happens the candidate is the one hit with probability ρ·r/(1 − ρ + ρ·r) when its rate is r times
 * control's, whatever the rate itself is and however it drifts.
 *
 * Sources: likelihood-ratio two-sample test with known class prior, Lhéritier & Cazals, IEEE Trans. Inf. Theory 64(5), 2018;
 * Pandeva, Bakker, Naesseth, Forré, arXiv 2210.13027; for counts Lindon & Malek, NeurIPS 2022.
 * Assumptions: true propensities, at most one event per randomised unit, events recorded alike for both variants.
 *
 * State: how many events hit whom, per propensity. Integers, so merging is exact, in any order, and every margin can be
 * asked for afterwards.
 */
export interface Tilt {
  /** Keyed by propensity. */
  readonly hits: ByPropensity<Record<Arm, number>>;
}

export function initialTilt(): Tilt {
  return { hits: new ByPropensity() };
}

/** Folds one event in, in place. Events of assignments that were not random are skipped. @returns whether it was used. */
export function hit(state: Tilt, arm: Arm, propensity: number): boolean {
  if (!isRandomised(propensity)) return false;
  const cell = state.hits.at(propensity, nobody);
  // Written out: a name that is a variable is looked up in a table.
  if (arm === 'candidate') cell.candidate += 1;
  else cell.control += 1;
  return true;
}

function nobody(): Record<Arm, number> {
  return { control: 0, candidate: 0 };
}

export function mergeTilt(a: Tilt, b: Tilt): Tilt {
  const merged = initialTilt();
  for (const propensity of propensitiesOf(a.hits, b.hits)) {
    const left = a.hits.get(propensity);
    const right = b.hits.get(propensity);
    merged.hits.set(propensity, {
      control: (left?.control ?? 0) + (right?.control ?? 0),
      candidate: (left?.candidate ?? 0) + (right?.candidate ?? 0),
    });
  }
  return merged;
}

/**
 * ln E against "the candidate's rate is at most e^boundary times control's". 0 without events.
 * @param tilts the grid that is mixed, all > 0.
 * @param weights of the tilts; default: equal.
 */
export function lnEMoreOften(
  state: Tilt,
  boundary: number,
  tilts: readonly number[] = TILTS,
  weights?: readonly number[],
): number {
  return lnMixture(state, boundary, tilts, weights);
}

/** With ratios of rates as large as a variant that always fails has beside one that hardly does: two events of a rare variant say it. */
export const WIDE_TILTS: readonly number[] = [...TILTS, 3, 4, 6, 8];

/** ln E against "the candidate's rate is at least e^boundary times control's". 0 without events. @param weights of the tilts; default: equal. */
export function lnELessOften(state: Tilt, boundary: number, weights?: readonly number[]): number {
  return lnMixture(state, boundary, DOWNWARDS, weights);
}

/** ln E against "the candidate's rate is exactly e^boundary times control's": both halves of the grid. */
export function lnEDifferent(state: Tilt, boundary: number): number {
  return lnMixture(state, boundary, BOTH_SIDES);
}

/**
 * Anytime-valid 1 − α interval of the ln rate ratio: all boundaries that {@link lnLikelihood} of the mixture around zero does
 * not reject, `{b : mean_k L(β_k)/L(b) < 1/α}`. An end beyond ln 10,000 is given as ± ln 10,000. Null without events.
 * L is log-concave in b, so the ends are found by bisection on either side of its top. O(propensities) per step.
 */
export function lnRateRatioInterval(state: Tilt, alpha: number): { low: number; high: number } | null {
  const estimate = lnRateRatio(state);
  if (estimate === null) return null;
  const evidence = logMeanExp(BOTH_SIDES.map((tilt) => lnLikelihood(state, tilt)));
  const rejects = (boundary: number): boolean => evidence - lnLikelihood(state, boundary) >= -Math.log(alpha);
  return {
    low: bisect(estimate, -FURTHEST_LN_RATIO, rejects),
    high: bisect(estimate, FURTHEST_LN_RATIO, rejects),
  };
}

/**
 * Anytime-valid 1 − α bound of the ln rate ratio on one side: the last boundary that {@link lnEMoreOften} (for the lower bound) or
 * {@link lnELessOften} (for the upper one) rejects, so a decision at a margin and this bound never contradict each other.
 * ln L is concave, so the evidence falls as the boundary moves towards the estimate and the bound is found by bisection.
 * An end beyond ln 10,000 is given as ± ln 10,000. Null without events.
 */
export function lnRateRatioBound(state: Tilt, side: 'lower' | 'upper', alpha: number): number | null {
  if (state.hits.size === 0) return null;
  const outside = side === 'lower' ? -FURTHEST_LN_RATIO : FURTHEST_LN_RATIO;
  const lnE = side === 'lower' ? lnEMoreOften : lnELessOften;
  const rejects = (boundary: number): boolean => lnE(state, boundary) >= -Math.log(alpha);
  return rejects(-outside) ? -outside : bisect(-outside, outside, rejects);
}

/** Maximum-likelihood ln rate ratio, within ± ln 10,000; null without events. */
export function lnRateRatio(state: Tilt): number | null {
  let candidate = 0;
  let all = 0;
  for (const cell of state.hits.values()) {
    candidate += cell.candidate;
    all += cell.control + cell.candidate;
  }
  if (all === 0) return null;
  // The score function falls strictly in b: its root is bracketed or lies beyond an end.
  const score = (b: number): number => {
    let expected = 0;
    for (const [propensity, cell] of state.hits) {
      const odds = propensity * Math.exp(b);
      expected += ((cell.control + cell.candidate) * odds) / (1 - propensity + odds);
    }
    return candidate - expected;
  };
  if (candidate === 0) return -FURTHEST_LN_RATIO;
  if (candidate === all) return FURTHEST_LN_RATIO;
  return bisect(-FURTHEST_LN_RATIO, FURTHEST_LN_RATIO, (b) => score(b) < 0);
}

function lnMixture(state: Tilt, boundary: number, tilts: readonly number[], weights?: readonly number[]): number {
  if (state.hits.size === 0) return 0;
  const atBoundary = lnLikelihood(state, boundary);
  const lnEs = tilts.map((tilt) => lnLikelihood(state, boundary + tilt) - atBoundary);
  return weights ? logSumExp(lnEs.map((lnE, k) => lnE + Math.log(weights[k] as number))) : logMeanExp(lnEs);
}

/** ln L(b) = Σ [b·A − ln(1 − ρ + ρ e^b)] over the events. */
function lnLikelihood(state: Tilt, b: number): number {
  let sum = 0;
  const growth = Math.expm1(b);
  for (const [propensity, cell] of state.hits) {
    sum += b * cell.candidate - (cell.control + cell.candidate) * Math.log1p(propensity * growth);
  }
  return sum;
}

/** The point between `inside` (where `isOutside` is false) and `outside` at which it turns true; `outside` if it never does. */
function bisect(inside: number, outside: number, isOutside: (at: number) => boolean): number {
  if (!isOutside(outside)) return outside;
  let a = inside;
  let b = outside;
  for (let step = 0; step < 80; step++) {
    const middle = (a + b) / 2;
    if (isOutside(middle)) b = middle;
    else a = middle;
  }
  return (a + b) / 2;
}
