import type { MetricDesign } from '../catalogue/evidence-design.js';
import { pairedLowerTail, type PairedLowerTailState } from './paired-lower-tail.js';
import { pairedMean, type PairedMeanState } from './paired-mean.js';
import type { PairedMethod } from './paired-method.js';
import { pairedRate, type PairedRateState } from './paired-rate.js';
import { pairedUpperTail, type PairedUpperTailState } from './paired-upper-tail.js';

/** What the pairs say of one metric, kept the way its kind asks for. */
export type PairedMetric = PairedMeanState | PairedRateState | PairedUpperTailState | PairedLowerTailState;

const methods: { readonly [Kind in PairedMetric['kind']]: PairedMethod<never> } = {
  mean: pairedMean as PairedMethod<never>,
  ratio: pairedMean as PairedMethod<never>,
  rate: pairedRate as PairedMethod<never>,
  'upper-tail': pairedUpperTail as PairedMethod<never>,
  'lower-tail': pairedLowerTail as PairedMethod<never>,
};

/** Every state is handed to the method that made it. */
export function pairedMethodOf(kind: PairedMetric['kind']): PairedMethod<PairedMetric> {
  return methods[kind] as PairedMethod<never> as PairedMethod<PairedMetric>;
}

export function isPairedKind(kind: string): kind is PairedMetric['kind'] {
  return Object.hasOwn(methods, kind);
}

/** Whether pairs decide on the metric: not what people do with the pictures they get, since nobody gets the copies. */
export function isPaired({ definition: { kind, topic }, test, isCollected }: MetricDesign): boolean {
  return test !== null && isCollected && isPairedKind(kind) && topic !== 'feedback.recorded.v1';
}
