import type { Reading } from '../catalogue/reader.js';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { Judgement } from '../kinds/method.js';
import type { MetricEvidence } from '../kinds/metric-evidence.js';

/** What one side of a pair says of a metric. */
export type SideValue = Pick<Reading, 'value' | 'denominator'>;

/**
 * What control's past has fixed before either side of a pair is known: the limits of a tail; an empty list where nothing but the baseline has to
 * be. Null: it is too early to compare.
 */
export type Frame = readonly number[] | null;

export interface ComparedPair {
  readonly control: SideValue;
  readonly candidate: SideValue;
  readonly frame: readonly number[];
  /** When the carrier took the later side's event into the log, ms since 1970. */
  readonly atMs: number;
  /** The evidence of ordinary traffic, which control's baseline is taken from. */
  readonly ordinary: MetricEvidence | undefined;
}

/**
 * How pairs of one kind of metric are compared. As with {@link Method} a merged state is for judging only: frames are read from the past of
 * the partition that a pair is folded in.
 */
export interface PairedMethod<State> {
  initial(metric: MetricDesign): State;
  frameOf(ordinary: MetricEvidence | undefined, metric: MetricDesign): Frame;
  /** Folds one pair in, in place. */
  observe(state: State, metric: MetricDesign, pair: ComparedPair): void;
  merge(a: State, b: State): State;
  /** Units are pairs. */
  judge(state: State, metric: MetricDesign, ordinary: MetricEvidence | undefined): Judgement;
  /** As plain JSON, every double exactly. */
  encode(state: State): unknown;
  decode(encoded: never): State;
}

/** What every judgement of so many pairs has in common. */
export function judgedPairs(
  n: number,
  estimates: { readonly control: number | null; readonly candidate: number | null; readonly effect: number | null },
): Pick<Judgement, 'estimates' | 'units' | 'events' | 'shift'> {
  const noEffect = n === 0 ? 'no-data' : estimates.effect === null ? 'not-enough-data' : null;
  return {
    estimates: { ...estimates, interval: null, noEffect, noInterval: noEffect ?? 'no-interval' },
    units: { control: n, candidate: n },
    events: { control: n, candidate: n },
    shift: null,
  };
}
