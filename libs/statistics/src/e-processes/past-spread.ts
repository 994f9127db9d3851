import type { Moments } from '../summaries/moments.js';

/** How many values the usual spread counts for, beside those that were seen. */
const USUAL_COUNTS_FOR = 6;

/**
 * Standard deviation of the values so far, drawn towards the usual one while they are few:
 * `√((6 s₀² + Σ(x − x̄)²)/(6 + n))`, the mean of an inverse-gamma posterior up to a constant. `usual` without values.
 */
export function pastSpread(past: Moments, usual: number): number {
  return Math.sqrt(pastVariance(past, usual));
}

/** The larger one of two variants' past spreads. */
export function largerSpread(control: Moments, candidate: Moments, usual: number): number {
  return Math.sqrt(Math.max(pastVariance(control, usual), pastVariance(candidate, usual)));
}

function pastVariance({ n, sumOfSquaredDeviations }: Moments, usual: number): number {
  return (USUAL_COUNTS_FOR * usual * usual + sumOfSquaredDeviations) / (USUAL_COUNTS_FOR + n);
}
