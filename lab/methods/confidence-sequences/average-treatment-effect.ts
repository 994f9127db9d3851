import { type Arm, type Mixture, mixtureBound } from '#libs/statistics';
import { gammaExponentialMixture } from './gamma-mixtures.js';

/**
 * What is estimated and how the boundary is tuned, fixed beforehand.
 * `lo`, `hi`: bounds of every outcome. `smallestShare`: the least probability with which either arm is drawn at any time.
 * `tightestAt`: intrinsic time (sum of squared residuals of the weighted outcomes, outcomes scaled to [0, 1]) at which it is tightest.
 */
export interface AverageEffectDesign {
  readonly lo: number;
  readonly hi: number;
  readonly smallestShare: number;
  readonly tightestAt: number;
}

/**
 * Confidence sequence for the average effect over the units seen so far, with no assumption about how outcomes come about: they may
 * drift, only the assignment is random. The mean of the augmented inverse-propensity values, predictions being the arms' past means,
 * inside a gamma-exponential boundary at their empirical variance. Exact at every n, and much wider than the asymptotic sequence at
 * small shares (its scale is 2/smallestShare).
 *
 * Source: Howard, Ramdas, McAuliffe, Sekhon, Ann. Statist. 49(2), 2021, Corollary 2. Assumptions: known propensities, bounded
 * outcomes, one outcome per randomised unit. Predictions come from one past in its order, so parts cannot be merged.
 */
export interface AverageEffect {
  n: number;
  /** Sum of the augmented values, outcomes scaled to [0, 1]. */
  sum: number;
  /** Σ (augmented value − predicted effect)². */
  intrinsicTime: number;
  readonly control: { n: number; sum: number };
  readonly candidate: { n: number; sum: number };
}

export function initialAverageEffect(): AverageEffect {
  return { n: 0, sum: 0, intrinsicTime: 0, control: { n: 0, sum: 0 }, candidate: { n: 0, sum: 0 } };
}

/**
 * Folds one outcome in, in place; values outside the bounds are clipped to them. Many parameters because it is called per event, and is to
 * allocate nothing there.
 * @returns whether it was used (NaN is not).
 */
export function observeAverageEffect(
  state: AverageEffect,
  design: AverageEffectDesign,
  arm: Arm,
  propensity: number,
  value: number,
): boolean {
  const { lo, hi, smallestShare } = design;
  if (Number.isNaN(value)) return false;
  if (!(propensity >= smallestShare && propensity <= 1 - smallestShare)) {
    throw new RangeError(`propensity ${propensity}: expected one between ${smallestShare} and ${1 - smallestShare}`);
  }
  const y = (Math.min(hi, Math.max(lo, value)) - lo) / (hi - lo);
  const control = predicted(state, 'control');
  const candidate = predicted(state, 'candidate');
  const residual = arm === 'candidate' ? (y - candidate) / propensity : -(y - control) / (1 - propensity);
  state.n += 1;
  state.sum += candidate - control + residual;
  state.intrinsicTime += residual * residual;
  state[arm].n += 1;
  state[arm].sum += y;
  return true;
}

/** The average effect and its anytime-valid 1 − α interval, clipped to what the bounds allow; null without units. */
export function averageEffectInterval(
  state: AverageEffect,
  design: AverageEffectDesign,
  alpha: number,
): { readonly effect: number; readonly low: number; readonly high: number } | null {
  if (state.n === 0) return null;
  const range = design.hi - design.lo;
  const effect = state.sum / state.n;
  const halfWidth = mixtureBound(boundary(design, alpha / 2), state.intrinsicTime, alpha / 2) / state.n;
  return {
    effect: range * effect,
    low: range * Math.max(-1, effect - halfWidth),
    high: range * Math.min(1, effect + halfWidth),
  };
}

/** ln E against "the average effect is at most 0", of the boundary that is tuned for α/2. */
export function lnEAverageEffect(state: AverageEffect, design: AverageEffectDesign, alpha: number): number {
  return state.n === 0 ? 0 : boundary(design, alpha / 2).lnE(state.sum, state.intrinsicTime);
}

function boundary({ smallestShare, tightestAt }: AverageEffectDesign, alpha: number): Mixture {
  return gammaExponentialMixture(2 / smallestShare, { at: tightestAt, alpha });
}

/** Any prediction from the past will do: the middle of the range at first, then the arm's mean, the lower end while it has none. */
function predicted(state: AverageEffect, arm: Arm): number {
  if (state.n === 0) return 1 / 2;
  return state[arm].sum / Math.max(1, state[arm].n);
}
