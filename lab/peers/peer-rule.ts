/** One guardrail of a simulated canary, as a rule is told about it before the first unit arrives. */
export interface PeerSituation {
  /** Share of the units that are shown the candidate, in (0, 1); constant over the run. */
  readonly share: number;
  /** How much worse the candidate's mean may be, in the metric's own unit, ≥ 0. */
  readonly margin: number;
  /** The direction in which the metric is bad. */
  readonly worse: 'lower' | 'higher';
  /** One-sided error rate asked for, for those rules that let one ask. */
  readonly alpha: number;
}

/** How another system decides about a canary: what the calibration runs beside our own rule, on the same units. */
export interface PeerRule {
  /** The peer and the method, as a table names them. */
  readonly name: string;
  /** Says something new only every so many units; null: after each. */
  readonly everyUnits: number | null;
  /** A fresh run; it remembers nothing of others. */
  start(situation: PeerSituation): PeerRun;
}

/** One canary under a rule. Amortised O(1) per unit unless the rule says otherwise. */
export interface PeerRun {
  /** Takes one unit's value in. A value that is not finite counts as a unit that passed by, and is otherwise ignored. */
  observe(isCandidate: boolean, value: number): void;
  /** What the rule says now, after the units seen so far. */
  decide(): PeerDecision;
}

export type PeerDecision = 'rollback' | 'promote' | 'undecided';

/**
 * What every rule that works in intervals is told about time: a minute holds 500 units, and a canary is watched for an hour,
 * 30,000 units. About eight requests a second; real services have less or more, which moves all of them alike.
 */
export const UNITS_PER_MINUTE = 500;
export const WATCHED_MINUTES = 60;
