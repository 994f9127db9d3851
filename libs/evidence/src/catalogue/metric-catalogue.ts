import type { ExperimentSpec, KnownMetric, Quotient } from '#libs/contracts';
import { canDecide, isPreference, mayBePaired, type MetricDefinition, type MetricKind } from './definition.js';
import { feedbackMetrics } from './feedback-metrics.js';
import { generationMetrics } from './generation-metrics.js';
import { rangeOf, takesLimit } from './metric-limit.js';
import { ownMetric } from './own-metric.js';
import { pictureMetrics, qualityHeadMetric } from './picture-metrics.js';
import { requestMetrics } from './request-metrics.js';

/** Every built-in metric. A new one is an entry in one of these lists and nothing else. */
export const metricCatalogue: readonly MetricDefinition[] = [
  ...requestMetrics,
  ...pictureMetrics,
  ...generationMetrics,
  ...feedbackMetrics,
];

/** What an experiment file may say of each of them; `quality.*` stands for every quality head. */
export const knownMetrics: readonly KnownMetric[] = [
  ...metricCatalogue.map(knownOf),
  knownOf(qualityHeadMetric('quality.*') as MetricDefinition),
];

/**
 * The metrics of one experiment: the built-in ones, the quality heads it names, and its own. Their order is the one in which they are
 * shown, and means nothing to their evidence.
 */
export function metricsOf(
  spec: Pick<ExperimentSpec, 'guardrails' | 'dryRun' | 'objectives' | 'metrics' | 'quotients' | 'watch' | 'limits'>,
  catalogue: readonly MetricDefinition[] = metricCatalogue,
): readonly MetricDefinition[] {
  const named = [
    ...[...spec.guardrails, ...(spec.dryRun ?? [])].map(({ metric }) => metric),
    ...spec.objectives.map(({ metric }) => metric),
    ...(spec.watch ?? []),
    ...(spec.quotients ?? []).flatMap(({ of, per }) => [of, per]),
    ...(spec.limits ?? []).map(({ metric }) => metric),
  ];
  const own = (spec.metrics ?? []).map(ownMetric);
  const quotients = (spec.quotients ?? []).map(quotientMetric);
  const taken = new Set([...catalogue, ...own, ...quotients].map(({ name }) => name));
  const heads = [...new Set(named)]
    .filter((name) => !taken.has(name))
    .sort()
    .flatMap((name) => qualityHeadMetric(name) ?? []);
  return [...catalogue, ...heads, ...own, ...quotients];
}

/** What a file may say of each metric of one experiment. */
export function knownMetricsOf(spec: Parameters<typeof metricsOf>[0]): readonly KnownMetric[] {
  return metricsOf(spec).map(knownOf);
}

function quotientMetric({ name, of, per, direction, unit }: Quotient): MetricDefinition {
  return {
    name,
    kind: 'quotient',
    parts: [of, per],
    topic: 'request.routed.v1',
    reads: `${of} per ${per}`,
    description: `${of} per ${per}`,
    unit,
    direction,
    defaultRole: 'observed',
    scale: 'relative',
    defaultMargin: { kind: 'relative', value: 0.05 },
    floor: null,
    cap: { kind: 'none' },
    burnInUnits: 1,
    lateData: 'first-only',
  };
}

function knownOf(metric: MetricDefinition): KnownMetric {
  const { name, kind, direction, unit, floor, guards } = metric;
  return {
    name,
    use: useOf(kind),
    direction,
    largestEffect: largestEffectOf(metric),
    isShare: isShare(metric),
    unit,
    ...(floor === null ? {} : { floor }),
    ...limitsOf(metric),
    ...(kind === 'mean' || kind === 'incidence' ? { isPerUnit: true as const } : {}),
    ...(mayBePaired(metric) ? {} : { isUnpaired: true as const }),
    ...(kind === 'predicted-preference' ? { isOfPairsAlone: true as const } : {}),
    ...(guards ? { guardsCanaries: guards.margin } : {}),
    ...(guards?.canariesWith === 'a-metric-of-pictures' ? { guardsWith: 'a-metric-of-pictures' as const } : {}),
    ...(metric.topic === 'image.scored.v1' ? { isOfPictures: true as const } : {}),
  };
}

function limitsOf(metric: MetricDefinition): Pick<KnownMetric, 'limits' | 'range'> {
  if (!takesLimit(metric)) return {};
  const range = rangeOf(metric);
  return { limits: true, ...(range ? { range } : {}) };
}

function useOf(kind: MetricKind): KnownMetric['use'] {
  if (!canDecide(kind)) return 'only-warns';
  // It is judged by events alone, without the units that send none: no absolute margin can be proven.
  return kind === 'incidence' || kind === 'quotient' ? 'decides-by-ratio' : 'decides';
}

function largestEffectOf({ kind, cap, unit }: MetricDefinition): number | null {
  if (isPreference(kind)) return 0.5;
  if (kind === 'rate' || kind === 'incidence' || kind === 'lower-tail') return 1;
  if (unit === 'cosine') return 2;
  return cap.kind === 'fixed' ? cap.hi - cap.lo : null;
}

function isShare({ kind, cap }: MetricDefinition): boolean {
  if (kind === 'rate' || kind === 'incidence' || kind === 'lower-tail' || isPreference(kind)) return true;
  return cap.kind === 'fixed' && cap.lo === 0 && cap.hi === 1;
}
