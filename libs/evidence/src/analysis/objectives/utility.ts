import type { Gain, Interval } from './gain.js';

/**
 * What the objectives together say of a candidate.
 * `better`: its utility is above control's. `practically-equal`: it differs by less than what matters, in either direction.
 * `futile`: it may differ, but can't be better by what matters. `worse`: below control's. Otherwise `undecided`, or
 * `unmeasurable` with the reason of the objective that can't be read.
 */
export type UtilityVerdict = 'better' | 'practically-equal' | 'futile' | 'worse' | 'undecided' | 'unmeasurable';

export interface Utility {
  /** Weighted mean of the gains; null while one of them is unknown. */
  readonly estimate: number | null;
  readonly interval: Interval | null;
  readonly verdict: UtilityVerdict;
  readonly reason: string;
}

/**
 * Weighted utility Σ w·gain ÷ Σ w of a candidate over control, with its own interval.
 *
 * The interval is the sum of the objectives' intervals, each at level α ÷ (objectives · candidates): by the union bound all of them hold at
 * once, at all times, with probability 1 − α, and so do their sums. Events of different topics about one unit are never joined, so correlations between
 * objectives are unknown; this is what holds for every correlation.
 *
 * @param matters the smallest difference in utility that matters (the half-width of the region of practical equivalence), ≥ 0.
 */
export function utilityOf(gains: readonly Gain[], matters: number): Utility {
  const total = gains.reduce((sum, { weight }) => sum + weight, 0);
  const unreadable = gains.find(({ missing }) => missing === 'control-is-zero');
  const waiting = gains.find(({ missing }) => missing !== null);
  if (gains.length === 0 || !(total > 0)) {
    return { estimate: null, interval: null, verdict: 'unmeasurable', reason: 'no-objectives' };
  }
  if (unreadable) {
    return { estimate: null, interval: null, verdict: 'unmeasurable', reason: `control-is-zero: ${unreadable.metric}` };
  }
  const mean = (of: (gain: Gain) => number): number =>
    gains.reduce((sum, gain) => sum + gain.weight * of(gain), 0) / total;
  const estimate = gains.every((gain) => gain.estimate !== null) ? mean((gain) => gain.estimate as number) : null;
  if (waiting) {
    return { estimate, interval: null, verdict: 'undecided', reason: `${waiting.missing}: ${waiting.metric}` };
  }
  const interval = {
    low: mean((gain) => (gain.interval as Interval).low),
    high: mean((gain) => (gain.interval as Interval).high),
  };
  return { estimate, interval, ...verdictOf(interval, matters) };
}

/** Equivalence is asked before better and worse: a sure difference that doesn't matter changes nothing. */
function verdictOf({ low, high }: Interval, matters: number): Pick<Utility, 'verdict' | 'reason'> {
  if (low > -matters && high < matters) return { verdict: 'practically-equal', reason: 'within-what-matters' };
  if (low > 0) return { verdict: 'better', reason: 'better-than-control' };
  if (high < 0) return { verdict: 'worse', reason: 'worse-than-control' };
  if (high < matters) return { verdict: 'futile', reason: 'no-gain-that-matters-is-left' };
  return { verdict: 'undecided', reason: 'collecting' };
}
