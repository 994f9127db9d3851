import type { MetricAnalysis } from '#libs/contracts';
import type { Arm } from '#libs/statistics';
import type { Reading } from '../catalogue/reader.js';
import type { Covered, CoverageReading } from '../fold/coverage.js';
import type { Frequency } from '../analysis/objectives/difference-of-shares.js';
import type { Interval } from '../analysis/objectives/gain.js';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { AnalysisReason } from '../analysis/reasons.js';

/** One observation of a pair {control, candidate}. */
export interface Observation extends Reading {
  readonly arm: Arm;
  /** Probability of the candidate, given that one of the two was drawn. */
  readonly propensity: number;
  /** The unit's first value of this metric: only these decide. */
  readonly isFirst: boolean;
  /** The unit has had no bad event in the present window: one that comes now is fresh evidence of harm, whether or not it is the first value. */
  readonly isAtRisk: boolean;
  /** The present window of the {@link RestartedTilt}. */
  readonly window: number;
  /** The class of the request's prompt, which was there before the unit was assigned; null where it is not known. */
  readonly promptClass: number | null;
  /** What the unit contributed before under the same allocation (ratios); null: nothing yet. */
  readonly before: { readonly sum: number; readonly denominator: number } | null;
  /** When the carrier took the event into the log, ms since 1970. */
  readonly atMs: number;
}

/** What the e-processes say at one boundary. */
export interface BudgetEvidence {
  readonly sharePpm: number;
  readonly margin: number;
  readonly lnENonInferior: number;
}

export interface Tests {
  readonly margin: number;
  readonly harmful: number;
  readonly nonInferior: number;
  readonly superior: number;
  readonly budget: readonly BudgetEvidence[];
  /** Of bounded values: what lies beyond. */
  readonly clipped?: NonNullable<MetricAnalysis['clipped']>;
  /** The margin itself would be proven, were the candidate's values beyond the bounds not worse by more than that. */
  readonly isBeyondBounds?: boolean;
  /** The margin, a percentage of control's first values, is too large for what control has come to be. */
  readonly isMarginOutdated?: boolean;
  /** What the evidence of harm says within the bounds, where it does not count because the whole mean is not worse by the margin. */
  readonly harmWithin?: number;
}

/** What is shown of a metric; where a number is null, why. */
export interface Estimates {
  readonly control: number | null;
  readonly candidate: number | null;
  readonly effect: number | null;
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly noEffect: AnalysisReason | null;
  readonly noInterval: AnalysisReason | null;
}

/** What a method makes of its evidence; turning it into a verdict is one rule for all of them. */
export interface Judgement {
  readonly estimates: Estimates;
  readonly units: Readonly<Record<Arm, number>>;
  readonly events: Readonly<Record<Arm, number>>;
  /** Of the events those that the test of harm passed over, see `episodes.ts`; absent where it passes over none. */
  readonly leftOut?: Readonly<Record<Arm, number>>;
  /** Null when nothing is tested or can't be tested yet; then `missing` says why. */
  readonly tests: Tests | null;
  /** ln E against "both variants follow one law", of metrics that only warn. */
  readonly shift: number | null;
  readonly missing: AnalysisReason | null;
  /**
   * Why control's value is no size that anything is relative to: `both-zero` (all values of both variants are 0), `zero-control`; or
   * `none-beyond`: no value of either variant lies beyond control's limit. Absent where nothing is special.
   */
  readonly special?: 'both-zero' | 'zero-control' | 'none-beyond' | undefined;
}

/** What a method may look at beside its own evidence. */
export interface JudgeContext {
  readonly alpha: number;
  /** The evidence of the pair's metrics, by name. */
  readonly states: ReadonlyMap<string, { readonly kind: string }>;
  /** Units the router has seen since a metric is followed, by arm. */
  readonly unitsSeen: (metric: string) => Readonly<Record<Arm, number>>;
  readonly coverage: (what: Covered) => CoverageReading;
}

/**
 * How metrics of one kind keep their evidence. States are summed up per partition and added for an analysis; a merged state is
 * for judging only, since the past that predictions rest on belongs to its partition.
 */
export interface Method<State> {
  initial(metric: MetricDesign): State;
  /** Folds one observation in, in place. @returns true where it was the unit's bad event of the window. */
  observe(state: State, metric: MetricDesign, observation: Observation, baselineUnits: number): boolean | void;
  merge(a: State, b: State): State;
  judge(state: State, metric: MetricDesign, context: JudgeContext): Judgement;
  /**
   * Interval of an objective's effect by the tests that decide, in the metric's unit. Methods without it show an interval that holds
   * at every sample size already.
   */
  effectInterval?(state: State, metric: MetricDesign, alpha: number): Interval | null;
  /**
   * Of metrics that are shown as a ratio of shares: how many of a variant's units were hit, and the interval of the ln ratio. Objectives count by
   * the difference of the shares where control's is 0.
   */
  sharesOf?(
    state: State,
    metric: MetricDesign,
    context: JudgeContext,
  ): Readonly<Record<Arm, Frequency>> & { readonly lnRatio: (alpha: number) => Interval | null };
  /**
   * What of the metric's design the numbers in its evidence depend on, beside what every metric's do: bounds, levels, margins that bets
   * are made at. Numbers gathered under another tuning mean something else and are not continued. Plain JSON.
   */
  tuning(metric: MetricDesign): unknown;
  /** As plain JSON, every double exactly. */
  encode(state: State): unknown;
  decode(encoded: never): State;
}
