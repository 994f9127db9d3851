import type { ExperimentSpec } from '#libs/contracts';
import { canDecide, type MetricDefinition } from './definition.js';
import { feedbackMetrics } from './feedback-metrics.js';
import { generationMetrics } from './generation-metrics.js';
import { ownMetric } from './own-metric.js';
import { pictureMetrics, qualityHead } from './picture-metrics.js';
import { requestMetrics } from './request-metrics.js';

/** Every built-in metric. A new one is an entry in one of these lists and nothing else. */
export const metricCatalogue: readonly MetricDefinition[] = [
  ...requestMetrics,
  ...pictureMetrics,
  ...generationMetrics,
  ...feedbackMetrics,
];

/**
 * Names an experiment file may use, as its parser reads them: `quality.*` for every quality head, `name (watch)` for what can only
 * be watched, `name (relative)` for what is judged by events alone, without the units that send none: no absolute margin can be proven.
 */
export const metricNames: readonly string[] = [
  ...metricCatalogue.map(({ name, kind }) => {
    if (!canDecide(kind)) return `${name} (watch)`;
    return kind === 'incidence' ? `${name} (relative)` : name;
  }),
  'quality.*',
];

/** The metrics of one experiment: the built-in ones, the quality heads it names, and its own. */
export function metricsOf(
  spec: Pick<ExperimentSpec, 'guardrails' | 'objectives' | 'metrics' | 'watch'>,
): readonly MetricDefinition[] {
  const named = [
    ...spec.guardrails.map(({ metric }) => metric),
    ...spec.objectives.map(({ metric }) => metric),
    ...(spec.watch ?? []),
  ];
  const own = (spec.metrics ?? []).map(ownMetric);
  const taken = new Set([...metricCatalogue, ...own].map(({ name }) => name));
  const heads = [...new Set(named)]
    .filter((name) => !taken.has(name))
    .sort()
    .flatMap((name) => qualityHead(name) ?? []);
  return [...metricCatalogue, ...heads, ...own];
}
