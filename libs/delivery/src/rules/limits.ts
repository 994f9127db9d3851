import {
  candidatesOf,
  type ExperimentAnalysed,
  type ExperimentSpec,
  type LimitReading,
  type MetricAnalysis,
} from '#libs/contracts';

/** A metric with an absolute limit, as one analysis has it of one candidate. */
export type LimitedMetric = MetricAnalysis & { readonly limit: NonNullable<MetricAnalysis['limit']> };

/**
 * The limits that the revision names, of all its candidates or of one; one without an analysis is absent, and proves nothing. Analyses still tell of an
 * arm that is out of the race: it is no candidate any more.
 */
export function limitedMetrics(
  spec: ExperimentSpec,
  { metrics }: ExperimentAnalysed,
  candidate?: string,
): readonly LimitedMetric[] {
  const named = new Set((spec.limits ?? []).map(({ metric }) => metric));
  const candidates = candidatesOf(spec);
  return metrics.filter(
    (metric): metric is LimitedMetric =>
      metric.limit !== undefined &&
      named.has(metric.metric) &&
      candidates.includes(metric.candidate) &&
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

/** A variant counts as broken when at least this share of its own requests fails. */
const BROKEN_ERROR_RATE = 0.5;

/** Units of a variant before a share of them says that it is broken. */
const LEAST_UNITS = 100;

/**
 * Whether most of a candidate's own requests fail. However equal control may be, as when what both need is down, nobody is given all traffic
 * then; a limit that the file names says so sooner.
 */
export function failsMostly(analysis: ExperimentAnalysed, candidate: string): boolean {
  return failingShare(analysis, 'candidate', candidate) !== null || failingRecently(analysis, candidate) !== null;
}

/** Recent requests of a variant before a share of them says that it is broken. */
const LEAST_REQUESTS = 20;

/** A variant that was broken works again only when less than this share of its recent requests fails: between the two nothing is told. */
const MENDED_ERROR_RATE = 0.25;

/** A variant's recent requests, where so many of them fail that it is broken; otherwise null, also where nothing is known of it. */
export function failingRecently(
  { health }: ExperimentAnalysed,
  variant: string,
  wasBroken = false,
): { readonly seconds: number; readonly requests: number; readonly failures: number } | null {
  const recent = health.recent?.[variant];
  if (!recent || recent.requests < LEAST_REQUESTS) return null;
  return recent.failures / recent.requests >= (wasBroken ? MENDED_ERROR_RATE : BROKEN_ERROR_RATE) ? recent : null;
}

/** The share of a variant's own requests that fail, where it is so large that the variant is broken; otherwise null. */
export function failingShare(
  { metrics }: ExperimentAnalysed,
  arm: 'control' | 'candidate',
  candidate?: string,
): number | null {
  const errors = metrics.find(
    (found) => found.metric === 'error-rate' && (candidate === undefined || found.candidate === candidate),
  );
  const share = errors?.estimate[arm] ?? 0;
  return errors && share >= BROKEN_ERROR_RATE && errors.n[arm].units >= LEAST_UNITS ? share : null;
}
