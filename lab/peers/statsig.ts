import { normalUpperQuantile } from '#libs/statistics';
import type { Missing } from './missing.js';

/** What is known of one variant: variance of its values and number of units. */
export interface VariantSpread {
  readonly variance: number;
  readonly n: number;
}

export interface ModifiedCritical {
  /** Variance of the difference of means. */
  readonly variance: number;
  /** Mixing variance. */
  readonly tau: number;
  /** The interval is estimate ± critical · √variance. */
  readonly critical: number;
}

/**
 * Statsig's two-sided critical value for sequential testing, by the mixture SPRT:
 * `Z* = √((V+τ)/τ · (−2 ln(α/2) − ln(V/(V+τ))))`, `τ = Z²_{α/2} (var_T + var_C)/(N_T + N_C)`.
 *
 * Source: docs.statsig.com/experiments/advanced-setup/sequential-testing; Zhao et al., arXiv 1905.10493.
 * τ is computed from the units so far, so that V/τ, and with it Z*, stays the same however long one waits (3.58 at equal shares
 * and α = .05): not one mixture fixed beforehand, which the theorem asks for.
 */
export function statsigCritical(
  treatment: VariantSpread,
  control: VariantSpread,
  alpha: number,
): ModifiedCritical | Missing<'no-data' | 'no-variance'> {
  if (treatment.n < 1 || control.n < 1) return { missing: 'no-data' };
  const variance = treatment.variance / treatment.n + control.variance / control.n;
  if (!(variance > 0)) return { missing: 'no-variance' };
  const z = normalUpperQuantile(alpha / 2);
  const tau = (z * z * (treatment.variance + control.variance)) / (treatment.n + control.n);
  const critical = Math.sqrt(((variance + tau) / tau) * (-2 * Math.log(alpha / 2) + Math.log1p(tau / variance)));
  return { variance, tau, critical };
}
