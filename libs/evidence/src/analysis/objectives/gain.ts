/** Ends of an anytime-valid interval; both finite. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** How a candidate does on one objective, against control. */
export interface ObjectiveReading {
  readonly metric: string;
  /** Importance, > 0: what a gain of the whole of control's value (100 %) is worth beside the other objectives. */
  readonly weight: number;
  readonly direction: 'higher' | 'lower';
  /** What `effect` is: a difference in the metric's unit, a share of control's value, ln of a rate ratio, or a win rate − ½. */
  readonly scale: 'difference' | 'relative' | 'ln-rate-ratio' | 'probability';
  /** Whether it is a share of units, whose differences are percentage points. */
  readonly isShare: boolean;
  /** `effect` is a difference of shares already, whatever the scale: control's is 0. */
  readonly isPoints?: boolean;
  /** What is special about control's value: see the judgement's. A mean so near to 0 that nothing is relative to it is `zero-control`. */
  readonly special?: 'both-zero' | 'zero-control' | 'none-beyond' | undefined;
  /** Mean of control; null before there is one. */
  readonly control: number | null;
  /** Candidate against control, on `scale`; null before there is one. */
  readonly effect: number | null;
  /** Anytime-valid interval of `effect` at level α ÷ (objectives · candidates); null before there is one. */
  readonly interval: Interval | null;
}

/** A relative gain: 0.1 = better than control by a tenth of control's value, whichever direction better is. */
export interface Gain {
  readonly metric: string;
  readonly weight: number;
  readonly estimate: number | null;
  readonly interval: Interval | null;
  /** Why something is missing; null when nothing is. */
  readonly missing: 'no-data' | 'no-interval' | 'control-is-zero' | null;
  /** A difference of shares, since control's is 0: 0.02 are two percentage points. */
  readonly isPoints?: true;
}

/**
 * The relative gain of a reading. Objectives of different units can be added up only as shares of control's value, so a control
 * at zero leaves nothing to compare with: a share then counts by its percentage points, and where both variants are always at zero nothing is
 * gained and nothing lost. Control's own mean is taken as known: its uncertainty is of second order beside the
 * difference's, since a relative error of it changes the gain by that share of the gain only.
 */
export function gainOf(reading: ObjectiveReading): Gain {
  const { metric, weight, direction, scale, isShare, special, control, effect, interval } = reading;
  const nothing = { metric, weight, estimate: null, interval: null };
  if (special === 'both-zero')
    return { metric, weight, estimate: 0, interval, missing: interval ? null : 'no-interval' };
  const isPoints = reading.isPoints === true || (isShare && scale === 'difference' && control === 0);
  if (special === 'zero-control' && !isPoints) return { ...nothing, missing: 'control-is-zero' };
  if (effect === null || (scale === 'difference' && control === null)) return { ...nothing, missing: 'no-data' };
  if (scale === 'difference' && control === 0 && !isPoints) return { ...nothing, missing: 'control-is-zero' };
  const sign = direction === 'higher' ? 1 : -1;
  // + 0: no difference is 0, never −0, which JSON doesn't know.
  const toGain = (value: number): number => sign * (isPoints ? value : shareOfControl(value, scale, control ?? 0)) + 0;
  const points = isPoints ? { isPoints } : {};
  if (interval === null) return { ...nothing, ...points, estimate: toGain(effect), missing: 'no-interval' };
  const ends = [toGain(interval.low), toGain(interval.high)] as const;
  return {
    metric,
    weight,
    estimate: toGain(effect),
    interval: { low: Math.min(...ends), high: Math.max(...ends) },
    missing: null,
    ...points,
  };
}

function shareOfControl(effect: number, scale: ObjectiveReading['scale'], control: number): number {
  switch (scale) {
    case 'difference':
      return effect / Math.abs(control);
    case 'relative':
      return effect;
    case 'ln-rate-ratio':
      return Math.expm1(effect);
    case 'probability':
      // Preferred in every comparison is twice as often as control's half.
      return 2 * effect;
    default:
      return scale satisfies never;
  }
}
