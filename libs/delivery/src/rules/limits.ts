import type { ExperimentAnalysed, ExperimentSpec, LimitReading, MetricAnalysis } from '#libs/contracts';

/** A metric with an absolute limit, as one analysis has it of one candidate. */
export type LimitedMetric = MetricAnalysis & { readonly limit: NonNullable<MetricAnalysis['limit']> };

/** The limits that the revision names, of all candidates or of one; one without an analysis is absent, and proves nothing. */
export function limitedMetrics(
  spec: ExperimentSpec,
  { metrics }: ExperimentAnalysed,
  candidate?: string,
): readonly LimitedMetric[] {
  const named = new Set((spec.limits ?? []).map(({ metric }) => metric));
  return metrics.filter(
    (metric): metric is LimitedMetric =>
      metric.limit !== undefined &&
      named.has(metric.metric) &&
      (candidate === undefined || metric.candidate === candidate),
  );
}

/**
 * A candidate that is proven beyond its limit where control is proven within: that is harm, whatever its margin says. Where control is not
 * within either it is an outage of both, for which nobody is rolled back.
 */
export function brokenLimit(spec: ExperimentSpec, analysis: ExperimentAnalysed): LimitedMetric | undefined {
  return limitedMetrics(spec, analysis)
    .filter(({ limit }) => limit.candidate.verdict === 'beyond' && limit.control.verdict === 'within')
    .sort((a, b) => b.limit.candidate.lnE.beyond - a.limit.candidate.lnE.beyond)[0];
}

/** Limits that a candidate breaks, at present or over the whole run: nothing rises meanwhile. */
export function limitsBeyond(spec: ExperimentSpec, analysis: ExperimentAnalysed): readonly LimitedMetric[] {
  return limitedMetrics(spec, analysis).filter(({ limit }) => isBeyond(limit.candidate));
}

/** Limits that control itself breaks. */
export function limitsBrokenByControl(spec: ExperimentSpec, analysis: ExperimentAnalysed): readonly LimitedMetric[] {
  return limitedMetrics(spec, analysis).filter(({ limit }) => isBeyond(limit.control));
}

/** Whether all traffic may go to the candidate: it is proven within every limit, and so that none is promoted during an outage of both. */
export function isWithinLimits(spec: ExperimentSpec, analysis: ExperimentAnalysed, candidate: string): boolean {
  const limited = limitedMetrics(spec, analysis, candidate);
  return (
    limited.length === (spec.limits ?? []).length && limited.every(({ limit }) => limit.candidate.verdict === 'within')
  );
}

function isBeyond({ verdict, isBrokenNow }: LimitReading): boolean {
  return verdict === 'beyond' || isBrokenNow;
}
