import type { MetricAnalysis } from '#libs/contracts';
import { amountInUnit } from './comparison.js';
import { number, percentOf } from './numbers.js';

type Limited = MetricAnalysis & { readonly limit: NonNullable<MetricAnalysis['limit']> };

/** "error-rate of control is 40 %; at most 5 % is allowed". @param name of the variant. */
export function limitInWords(metric: Limited, arm: 'control' | 'candidate', name: string): string {
  const { limit, estimate, unit } = metric;
  const value = estimate[arm];
  const present = value === null ? 'is beyond its limit' : `is ${amountInUnit(value, unit)}`;
  const since =
    limit[arm].verdict !== 'beyond' && limit[arm].isBrokenNow ? ' over the whole run and beyond its limit now' : '';
  const side = limit.kind === 'at-most' ? 'at most' : 'at least';
  return `${metric.metric} of ${name} ${present}${since}; ${side} ${amountInUnit(limit.value, unit)} is allowed`;
}

/** Why a broken limit rolls back. */
export function brokenLimitMessage(metric: Limited, control: string, alpha: number): string {
  const { limit, candidate } = metric;
  const proof = `with ${percentOf(1 - alpha)} confidence after ${number(limit.candidate.units)} units of ${candidate}`;
  const evidence = `(ln E ${number(limit.candidate.lnE.beyond)}; ${number(-Math.log(alpha))} needed)`;
  return `${limitInWords(metric, 'candidate', candidate)}, whatever ${control}'s is. Proven beyond the limit, ${proof} ${evidence}; ${control} is proven within.`;
}
