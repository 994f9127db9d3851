import { canDecide, metricCatalogue, type MetricDefinition } from '#libs/evidence';
import { inTable } from './in-table.js';

/** The page of all built-in metrics, from the catalogue; `generated` says how it was made. */
export function metricsPage(generated: string): string {
  const topics = [...new Set(metricCatalogue.map(({ topic }) => topic))];
  return [
    '# Every built-in metric',
    '',
    generated,
    '',
    'A guardrail or an objective names one of these, one of the quality heads (`quality.<head>`), or a metric of the experiment’s own ([experiment-file.md](experiment-file.md)). How each kind is judged is in [statistics](statistics/README.md).',
    '',
    ...topics.flatMap(tableOf),
  ].join('\n');
}

function tableOf(topic: string): readonly string[] {
  return [
    `## From \`${topic}\``,
    '',
    '| metric | what it measures | better is | unit | kind | a percentage allows at least |',
    '| --- | --- | --- | --- | --- | --- |',
    ...metricCatalogue.filter((metric) => metric.topic === topic).map(rowOf),
    '',
  ];
}

function rowOf({ name, description, direction, unit, kind, floor }: MetricDefinition): string {
  const judged = canDecide(kind) ? kind : `${kind}, may only be watched`;
  return `| \`${name}\` | ${inTable(description)} | ${direction} | ${unit} | ${judged} | ${floorText(kind, unit, floor)} |`;
}

function floorText(kind: MetricDefinition['kind'], unit: string, floor: number | null): string {
  if (floor === null) return '';
  return kind === 'rate' ? `${floor * 100} pp` : `${floor} ${unit}`;
}
