import { candidatesOf } from './candidates.js';
import type { ExperimentSpec } from './spec.js';

type Guarded = Pick<ExperimentSpec, 'alpha' | 'alphaPer' | 'guardrails' | 'variants' | 'control' | 'baseline'>;

/**
 * The level at which harm of a guardrail is proven, for one candidate. Where the experiment shares its α the levels of all guardrails and
 * candidates add up to it (a union bound, so their dependence does not matter); what needs every guardrail proven, such as a promotion, needs no
 * correction and stays at α itself.
 */
export function harmAlphaOf(spec: Guarded, metric: string): number {
  if (spec.alphaPer !== 'experiment') return spec.alpha;
  const weights = spec.guardrails.map(({ weight = 1 }) => weight);
  const own = spec.guardrails.find((guardrail) => guardrail.metric === metric);
  if (own === undefined) return spec.alpha;
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return (spec.alpha * (own.weight ?? 1)) / (sum * candidatesOf(spec).length);
}
