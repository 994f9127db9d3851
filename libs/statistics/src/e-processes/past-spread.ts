import type { Moments } from '../summaries/moments.js';

/** How many values the usual spread counts for, beside those that were seen. */
const USUAL_COUNTS_FOR = 6;

/**
 * Standard deviation of the values so far, drawn towards the usual one while they are few:
 * `√((6 s₀² + Σ(x − x̄)²)/(6 + n))`, the mean of an inverse-gamma posterior up to a constant. `usual` without values.
 */
export function pastSpread({ n, sumOfSquaredDeviations }: Moments, usual: number): number {
  return Math.sqrt((USUAL_COUNTS_FOR * usual * usual + sumOfSquaredDeviations) / (USUAL_COUNTS_FOR + n));
}
