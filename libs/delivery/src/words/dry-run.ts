import { candidatesOf, type ExperimentAnalysed, type ExperimentSpec, type MetricAnalysis } from '#libs/contracts';
import { harmMessage } from './proof.js';
import { reasonInWords } from './reason.js';

/** The analyses of guardrails on trial, of the revision's candidates only. */
export function dryRunsIn(
  { dryRun = [], ...spec }: ExperimentSpec,
  { metrics }: ExperimentAnalysed,
): readonly MetricAnalysis[] {
  const tried = new Set(dryRun.map(({ metric }) => metric));
  const candidates = candidatesOf(spec);
  return metrics.filter(({ metric, candidate }) => tried.has(metric) && candidates.includes(candidate));
}

/** That it would have rolled back, and by which numbers. */
export function dryRunHarm(metric: MetricAnalysis, spec: ExperimentSpec, alpha: number): string {
  return `Dry run, decides nothing: the guardrail on ${metric.metric} would have rolled back. ${harmMessage(metric, spec, alpha)}`;
}

/** That it would hold the ramp. */
export function dryRunUnmeasurable({ metric, candidate, reason }: MetricAnalysis): string {
  return `Dry run, decides nothing: the guardrail on ${metric} would hold the ramp, since it can't be measured of ${candidate} (${reasonInWords(reason)}).`;
}
