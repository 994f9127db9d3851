import type { AbsoluteLimit } from '#libs/contracts';
import type { MeanLimit } from '#libs/statistics';
import type { MetricDefinition } from './definition.js';

/** An absolute limit of a metric, as a mean that may not be above it. */
export interface MetricLimit extends Pick<AbsoluteLimit, 'kind' | 'value'> {
  readonly bets: MeanLimit;
  /** A reading as a value of that mean. */
  readonly valueOf: (value: number, denominator: number) => number;
}

/** Bounds of a mean that has none: so many times the limit away from it. What lies further out counts as lying there. */
const REACH = 9;

/** Of a cosine. */
const COSINE = [-1, 1] as const;

/** Whether a metric says something of one variant alone: not what is compared with control's tail or preferred to control's pictures. */
export function takesLimit({ kind }: MetricDefinition): boolean {
  return kind === 'rate' || kind === 'mean' || kind === 'ratio' || kind === 'upper-tail';
}

/** Between which a metric's values lie; undefined: anywhere. */
export function rangeOf({ kind, cap, unit }: MetricDefinition): readonly [number, number] | undefined {
  if (kind === 'rate') return [0, 1];
  if (unit === 'cosine') return COSINE;
  return cap.kind === 'fixed' && kind === 'mean' ? [cap.lo, cap.hi] : undefined;
}

/**
 * - A rate or mean: the value itself.
 * - A ratio: numerator − limit × denominator, whose mean is above 0 where the ratio is above the limit.
 * - A quantile: whether a value is beyond the limit, which may be so as often as the quantile leaves.
 */
export function metricLimit(definition: MetricDefinition, { kind, value }: AbsoluteLimit): MetricLimit {
  const sign = kind === 'at-most' ? 1 : -1;
  if (definition.kind === 'upper-tail') {
    const { level } = definition;
    return {
      kind,
      value,
      bets: { lo: 0, hi: 1, limit: sign > 0 ? 1 - level : level },
      valueOf: (x) => Number(sign > 0 ? x > value : x < value),
    };
  }
  const reach = REACH * Math.abs(value);
  if (definition.kind === 'ratio') {
    return {
      kind,
      value,
      bets: { lo: -reach, hi: reach, limit: 0 },
      valueOf: (x, denominator) => sign * (x - value * denominator),
    };
  }
  const [lo, hi] = rangeOf(definition) ?? [value - reach, value + reach];
  const bets = sign > 0 ? { lo, hi, limit: value } : { lo: -hi, hi: -lo, limit: -value };
  return { kind, value, bets, valueOf: (x) => sign * x };
}
