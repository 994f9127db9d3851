import type { MetricDesign } from './design.js';
import { lowerTailMethod, type LowerTailState } from './lower-tail-method.js';
import { meanMethod, type MeanState } from './mean-method.js';
import type { Judgement, Method, Observation } from './method.js';
import { rateMethod, type RateState } from './rate-method.js';
import { upperTailMethod, type UpperTailState } from './upper-tail-method.js';

/** The evidence of one metric and pair, kept the way its kind asks for. */
export type MetricEvidence = RateState | MeanState | UpperTailState | LowerTailState;

/** The evidence metrics of one kind share their method; every state is handed to the method that made it. */
function methodOf(kind: MetricEvidence['kind']): Method<MetricEvidence> {
  switch (kind) {
    case 'rate':
      return rateMethod as Method<never> as Method<MetricEvidence>;
    case 'mean':
      return meanMethod as Method<never> as Method<MetricEvidence>;
    case 'upper-tail':
      return upperTailMethod as Method<never> as Method<MetricEvidence>;
    case 'lower-tail':
      return lowerTailMethod as Method<never> as Method<MetricEvidence>;
    default:
      return kind satisfies never;
  }
}

export function initialMetric(metric: MetricDesign): MetricEvidence {
  return methodOf(metric.definition.kind).initial(metric);
}

export function observeMetric(
  state: MetricEvidence,
  metric: MetricDesign,
  seen: Observation,
  baselineUnits: number,
): void {
  methodOf(state.kind).observe(state, metric, seen, baselineUnits);
}

export function mergeMetric(a: MetricEvidence, b: MetricEvidence): MetricEvidence {
  return methodOf(a.kind).merge(a, b);
}

export function judgeMetric(state: MetricEvidence, metric: MetricDesign, alpha: number): Judgement {
  return methodOf(state.kind).judge(state, metric, alpha);
}

export function encodeMetric(state: MetricEvidence): unknown {
  return methodOf(state.kind).encode(state);
}

export function decodeMetric(encoded: unknown, metric: MetricDesign): MetricEvidence {
  return methodOf(metric.definition.kind).decode(encoded as never, metric);
}
