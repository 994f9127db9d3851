import { betaQuantile } from '../distributions/beta.js';
import { type ConfidenceInterval, twoSidedZ } from './confidence-interval.js';
import { type Proportion, shareOf } from './proportion.js';
import type { Refused } from './refusal.js';

/**
 * `wilson`: score interval, the one to use. `clopper-pearson`: exact, covers at least 1 − α and is wide for it.
 * `agresti-coull`: Wald's with z²/2 successes and failures more. `wald`: estimate ± z·SE; it covers far too rarely at small
 * counts and is here for comparison. The last two may reach beyond [0, 1].
 */
export type ProportionIntervalMethod = 'wilson' | 'clopper-pearson' | 'agresti-coull' | 'wald';

/**
 * 1 − α interval of a proportion.
 *
 * Source: Brown, Cai, DasGupta, Statistical Science 16 (2001), §3; Clopper & Pearson, Biometrika 26 (1934).
 * Refuses without trials; Wald's also without successes or without failures, where its width would be 0.
 */
export function proportionInterval(
  proportion: Proportion,
  method: ProportionIntervalMethod = 'wilson',
  alpha = 0.05,
): ConfidenceInterval | Refused<'no-trials' | 'no-variance'> {
  const { successes, trials } = proportion;
  const share = shareOf(proportion);
  const z = twoSidedZ(alpha);
  if (share === null) return { refused: 'no-trials' };
  switch (method) {
    case 'wilson':
      return wilson(proportion, z);
    case 'clopper-pearson':
      return {
        low: successes === 0 ? 0 : betaQuantile(alpha / 2, successes, trials - successes + 1),
        high: successes === trials ? 1 : betaQuantile(1 - alpha / 2, successes + 1, trials - successes),
      };
    case 'agresti-coull':
      return wald((successes + (z * z) / 2) / (trials + z * z), trials + z * z, z);
    case 'wald':
      return successes === 0 || successes === trials ? { refused: 'no-variance' } : wald(share, trials, z);
    default:
      return method satisfies never;
  }
}

/** Brown, Cai, DasGupta (2001), eq. 4; at least one trial. The ends 0 and 1 are reached exactly. */
export function wilson({ successes, trials }: Proportion, z: number): ConfidenceInterval {
  const failures = trials - successes;
  const centre = (successes + (z * z) / 2) / (trials + z * z);
  const reach = (z * Math.sqrt((successes * failures) / trials + (z * z) / 4)) / (trials + z * z);
  return { low: successes === 0 ? 0 : centre - reach, high: failures === 0 ? 1 : centre + reach };
}

function wald(share: number, trials: number, z: number): ConfidenceInterval {
  const reach = z * Math.sqrt((share * (1 - share)) / trials);
  return { low: share - reach, high: share + reach };
}
