import type { Arm } from '#libs/statistics';

/** So long a variant's first good ends are awaited before all that has ended, which is bad, is what becomes of its requests. */
export const FIRST_ENDS_MS = 30_000;
/** Of the ends that control's share of the requests lets expect, as many as have to be known. */
const LEAST_KNOWN = 0.5;

/**
 * What is known of how control's requests end, against what is to come. A failure may be told seconds before the pictures that were asked for with it, and a
 * candidate's pictures before control's: until control's first ones have come, a candidate that answers sooner looks better than it is.
 */
export interface ToldEnds {
  /** When control's first end came, ms since 1970 by the carrier's clock; null: none has come yet. */
  sinceMs: number | null;
  /** Control's ends, and those of them that are good. */
  control: number;
  good: number;
  /** Control's ends that were to be expected of all that have come, by its share. */
  due: number;
}

export function initialToldEnds(): ToldEnds {
  return { sinceMs: null, control: 0, good: 0, due: 0 };
}

/** One end as it comes. */
interface End {
  readonly arm: Arm;
  readonly propensity: number;
  readonly atMs: number;
}

/** Notes the first end of a unit, in place. */
export function noteEnd(told: ToldEnds, { arm, propensity, atMs }: End, isGood: boolean): void {
  told.due += 1 - propensity;
  if (arm === 'candidate') return;
  told.sinceMs ??= atMs;
  told.control += 1;
  if (isGood) told.good += 1;
}

/**
 * Whether control's ends that are known speak for those that are to come, so that a proof may be built on both variants'. False while less than half of what its share lets expect has come; and for
 * half a minute at most while most of it is bad, as all of it is before the first picture comes. By what came before alone, so that tests that pass over what comes meanwhile remain valid.
 */
export function isControlTold({ sinceMs, control, good, due }: ToldEnds, atMs: number): boolean {
  if (sinceMs === null || control < LEAST_KNOWN * due) return false;
  return 2 * good >= control || atMs - sinceMs >= FIRST_ENDS_MS;
}

/** Each part of the log waits for itself: the sum is for showing alone. */
export function mergeToldEnds(a: ToldEnds, b: ToldEnds): ToldEnds {
  return {
    sinceMs: a.sinceMs === null ? b.sinceMs : Math.min(a.sinceMs, b.sinceMs ?? Infinity),
    control: a.control + b.control,
    good: a.good + b.good,
    due: a.due + b.due,
  };
}
