import type { Arm } from '#libs/statistics';
import type { MetricDesign } from './design.js';

/** One observation of a pair {control, candidate}. */
export interface Observation {
  readonly arm: Arm;
  /** Probability of the candidate, given that one of the two was drawn. */
  readonly propensity: number;
  readonly value: number;
  /** The unit's first value of this metric: only these decide. */
  readonly isFirst: boolean;
  /** The unit's first bad event (rates only). */
  readonly isFirstBad: boolean;
}

/** What the e-processes say at one boundary. */
export interface BudgetEvidence {
  readonly sharePpm: number;
  readonly margin: number;
  readonly lnENonInferior: number;
}

/** What a method makes of its evidence; turning it into a verdict is one rule for all of them. */
export interface Judgement {
  readonly estimate: {
    readonly control: number | null;
    readonly candidate: number | null;
    readonly effect: number | null;
  };
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly units: Readonly<Record<Arm, number>>;
  readonly events: Readonly<Record<Arm, number>>;
  /** Null when nothing is tested or can't be tested yet; then `missing` says why. */
  readonly tests: {
    readonly margin: number;
    readonly harmful: number;
    readonly nonInferior: number;
    readonly superior: number;
    readonly budget: readonly BudgetEvidence[];
  } | null;
  readonly missing: 'only-observed' | 'no-data' | 'baseline' | 'control-tail-infinite' | null;
}

/**
 * How metrics of one kind keep their evidence. States are summed up per partition and added for an analysis; a merged state is
 * for judging only, since the past that predictions rest on belongs to its partition.
 */
export interface Method<State> {
  initial(metric: MetricDesign): State;
  /** Folds one observation in, in place. */
  observe(state: State, metric: MetricDesign, observation: Observation, baselineUnits: number): void;
  merge(a: State, b: State): State;
  judge(state: State, metric: MetricDesign, alpha: number): Judgement;
  /** As plain JSON, every double exactly. */
  encode(state: State): unknown;
  decode(encoded: never, metric: MetricDesign): State;
}
