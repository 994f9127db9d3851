import { betaBinomialMixture } from '#libs/statistics';

/** Trials at which the mixture is most powerful, and the level it is tuned for; fixed before the first trial. */
export interface BernoulliTuning {
  readonly trials: number;
  readonly alpha: number;
}

const TUNING: BernoulliTuning = { trials: 5_000, alpha: 0.05 };

/**
 * ln E against "each trial succeeds with exactly this probability", for one variant alone (a rate against a target), deviations to
 * either side, looked at as often as one likes.
 *
 * `ln B(r/(1−p) + S, r/p + F) − ln B(r/(1−p), r/p) − S ln p − F ln(1−p)`: a Beta mixture of mean p.
 * Source: Howard, Ramdas, McAuliffe, Sekhon, Ann. Statist. 49(2), 2021, Prop. 7. Assumption: given the past every trial has
 * the rate p under the null, so one trial per unit. Says nothing about a rate that drifts around the target.
 *
 * @param rate strictly between 0 and 1; a target of exactly 0 or 1 is refuted by one event and needs no statistics.
 * @returns 0 without trials.
 */
export function lnEBernoulli(successes: number, trials: number, rate: number, tuning = TUNING): number {
  if (!(rate > 0 && rate < 1)) throw new RangeError(`rate ${rate}: expected a number between 0 and 1, both excluded`);
  if (!(successes >= 0 && successes <= trials)) {
    throw new RangeError(`${successes} successes of ${trials} trials: expected between 0 and the number of trials`);
  }
  if (trials === 0) return 0;
  const variance = rate * (1 - rate);
  const mixture = betaBinomialMixture(rate, 1 - rate, { at: tuning.trials * variance, alpha: tuning.alpha });
  return mixture.lnE(successes - trials * rate, trials * variance);
}
