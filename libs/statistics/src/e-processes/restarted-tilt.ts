import type { Arm } from '../arm.js';
import { logSumExp } from '../distributions/log-space.js';
import { hit, initialTilt, lnEMoreOften, mergeTilt, type Tilt } from './tilt.js';

/** Observations of the first window; every later one ends when there are twice as many as when it began. */
const FIRST_WINDOW = 2_000;
/** Windows that are told apart: the last one begins after a trillion observations. */
const MOST_WINDOWS = 30;

/**
 * Tilt on each unit's *first bad event of a window*, with windows that begin when there are 2,000, 4,000, 8,000 … observations: harm that
 * begins after everybody's first request is found, also where most units have had a bad event of the ordinary kind long ago.
 *
 * Valid although units come back. Let T⁰ and T¹ be when a unit has its first bad event of the window as control and as candidate, and let
 * the candidate be harmless: T¹ is no sooner than T⁰. If both were equal the event would come at the same time whatever the unit's
 * variant, and that was drawn with the propensity ρ: its arm is a fresh coin. If T¹ is later, hits of the candidate are only missing. So
 * E never exceeds, at any time, what it is when all T are equal, and that is a test martingale (Lindon & Malek, NeurIPS 2022).
 * No assumption on how a unit's requests depend on each other. A unit's later bad events of the window would be the same coin again and are left out.
 *
 * While a ramp moves units from control to the candidate a unit's ρ is the share at its event: under one hash the units below the share are
 * the candidate's, and an event that comes at the same time in both variants finds its unit there with just that probability. What is
 * neglected is that the ramp rises because of outcomes which the same unit was among; simulated, it raises no false alarms.
 *
 * Each window is an e-process of its own that stays as it was when the next begins; their weighted mean is one
 * ({@link lnERestarted}; Vovk & Wang, Ann. Statist. 49, 2021).
 */
export interface RestartedTilt {
  /** By window; shorter while the later ones have no event. */
  readonly windows: Tilt[];
  /**
   * What a margin allows and has not been paid yet: each request of control that could have been its unit's bad event adds the share of
   * requests that may be bad beside, and a whole one is an event of control. 0 to 1.
   */
  owed: number;
}

export function initialRestartedTilt(): RestartedTilt {
  return { windows: [], owed: 0 };
}

/** The window that the next observation belongs to, from 0. @param observed how many came before it. */
export function windowAfter(observed: number): number {
  let window = 0;
  for (let end = FIRST_WINDOW; observed >= end && window < MOST_WINDOWS - 1; end *= 2) window += 1;
  return window;
}

/** A unit's first bad event of the window, in place. @returns whether it was used: draws with a probability of 0 or 1 are not. */
export function hitInWindow(state: RestartedTilt, window: number, arm: Arm, propensity: number): boolean {
  while (state.windows.length <= window) state.windows.push(initialTilt());
  return hit(state.windows[window] as Tilt, arm, propensity);
}

/**
 * A good request of a unit of control that has had no bad event in the window, in place, where the candidate may have a share of
 * `allowed` bad events more: control is given that many, evenly. What is tested then is "no sooner than control if a share of `allowed` of its good
 * requests were bad as well". Spread evenly they are as many as by chance and vary less, which makes E smaller on average (it is convex in them).
 * @returns whether the request is taken for the unit's bad event.
 */
export function allowBadEvent(state: RestartedTilt, window: number, allowed: number, propensity: number): boolean {
  state.owed += allowed;
  if (state.owed < 1) return false;
  state.owed -= 1;
  return hitInWindow(state, window, 'control', propensity);
}

/** For judging: what two partitions owe is not paid by their sum. */
export function mergeRestartedTilts(a: RestartedTilt, b: RestartedTilt): RestartedTilt {
  const length = Math.max(a.windows.length, b.windows.length);
  const windows = Array.from({ length }, (_, window) =>
    mergeTilt(a.windows[window] ?? initialTilt(), b.windows[window] ?? initialTilt()),
  );
  return { windows, owed: 0 };
}

/**
 * ln E against "units of the candidate have their first bad event at most e^boundary times as often as control's, in every window":
 * ln Σ E_k / ((k + 1)(k + 2)) over the windows k, those without an event at E = 1. The weights sum to 1; the tenth window costs ln 110.
 */
export function lnERestarted({ windows }: RestartedTilt, boundary: number): number {
  if (windows.length === 0) return 0;
  const terms = windows.map((tilt, k) => lnEMoreOften(tilt, boundary) - Math.log((k + 1) * (k + 2)));
  return logSumExp([...terms, -Math.log(windows.length + 1)]);
}

/**
 * Part of the evidence that rests on units' first values. Most harm is there from the start and should not be shown to more people for
 * the sake of what begins later, which is paid for by a bad event more.
 */
const FIRST_WEIGHT = 0.75;

/**
 * ln E of harm by units' first values or by their later ones: a weighted mean, which costs ln(4/3) beside the first and ln 4 beside the
 * later ones at most (Vovk & Wang, Ann. Statist. 49, 2021, prop. 3.1).
 */
export function lnEFirstOrLater(first: number, later: number): number {
  return logSumExp([first + Math.log(FIRST_WEIGHT), later + Math.log1p(-FIRST_WEIGHT)]);
}
