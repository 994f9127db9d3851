import { normalLowerTail, normalUpperQuantile, normalUpperTail } from '#libs/statistics';
import type { GaussianPrior } from './growthbook-bayesian.js';
import type { Effect } from './growthbook-effect.js';
import { sequentialHalfWidth } from './growthbook-sequential.js';

export interface PowerPlan {
  readonly alpha: number;
  readonly targetPower: number;
  /** The true effect that is to be found, in the effect's scale. */
  readonly effectSize: number;
  /** How the result will be tested: by a posterior under this prior, by the sequence with this N*, or once by z. */
  readonly by:
    | { readonly kind: 'posterior'; readonly prior: GaussianPrior }
    | { readonly kind: 'sequential'; readonly tuning: number }
    | { readonly kind: 'fixed' };
}

/**
 * Probability that the test rejects once `added` times as many units have come again, if the effect is `effectSize`
 * (docs.growthbook.io/statistics/midexperiment-power-technical, with all units, old and new, drawn from that effect).
 */
export function midExperimentPower(effect: Effect, added: number, { alpha, effectSize, by }: PowerPlan): number {
  const deviation = effect.standardError / Math.sqrt(1 + added);
  const rejectedBeyond = (low: number, high: number): number =>
    normalLowerTail((low - effectSize) / deviation) + normalUpperTail((high - effectSize) / deviation);
  const z = normalUpperQuantile(alpha / 2);
  switch (by.kind) {
    case 'fixed':
      return rejectedBeyond(-z * deviation, z * deviation);
    case 'sequential': {
      const halfWidth = sequentialHalfWidth(deviation, effect.n * (1 + added), alpha, by.tuning);
      return rejectedBeyond(-halfWidth, halfWidth);
    }
    case 'posterior': {
      // The posterior mean exceeds z posterior deviations, solved for the estimate that is to come.
      const { mean, variance } = by.prior;
      const halfWidth = deviation ** 2 * z * Math.sqrt(1 / variance + 1 / deviation ** 2);
      const shift = (deviation ** 2 * mean) / variance;
      return rejectedBeyond(-halfWidth - shift, halfWidth - shift);
    }
    default:
      return by satisfies never;
  }
}

const MOST_DOUBLINGS = 27;
const POWER_TOLERANCE = 1e-5;

/**
 * How many times the present number of units has to come again before the power reaches its target: doubled until it does, then
 * bisected until the power is within 1e-5, as GrowthBook does (so that the answer is a dyadic fraction). 0 where there is power
 * enough already; null where even 2²⁷ times as many do not suffice.
 */
export function scalingFactor(effect: Effect, plan: PowerPlan): number | null {
  const power = (added: number): number => midExperimentPower(effect, added, plan);
  if (power(0) > plan.targetPower) return 0;
  let enough = 1;
  for (let doubling = 0; power(enough) < plan.targetPower; doubling++) {
    if (doubling === MOST_DOUBLINGS) return null;
    enough *= 2;
  }
  let tooFew = 0;
  for (let step = 0; step < 100; step++) {
    const middle = (tooFew + enough) / 2;
    const excess = power(middle) - plan.targetPower;
    if (Math.abs(excess) < POWER_TOLERANCE) return middle;
    if (excess > 0) enough = middle;
    else tooFew = middle;
  }
  return enough;
}
