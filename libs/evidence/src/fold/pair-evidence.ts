import type { MetricDesign } from '../catalogue/evidence-design.js';
import { headName, qualityHeadMetric } from '../catalogue/picture-metrics.js';
import { initialMetric, mergeMetric, type MetricEvidence, observeMetric } from '../kinds/metric-evidence.js';
import type { Observation } from '../kinds/method.js';

/** Quality heads that are followed without having been named; more are left out. */
const MOST_HEADS = 16;

/** The evidence of one candidate against control, by metric. */
export interface PairEvidence {
  /** By the metric's name; nothing where nothing was observed yet. */
  readonly metrics: Map<string, MetricEvidence>;
  /** Quality heads the experiment doesn't name, as they were found in the scores. */
  readonly heads: Map<string, MetricEvidence>;
}

export function initialPair(): PairEvidence {
  return { metrics: new Map(), heads: new Map() };
}

/** @returns whether it was the unit's bad event of the window. */
export function observeInPair(
  { metrics }: PairEvidence,
  metric: MetricDesign,
  seen: Observation,
  baselineUnits: number,
): boolean {
  const { name } = metric.definition;
  let state = metrics.get(name);
  if (state === undefined) {
    state = initialMetric(metric);
    metrics.set(name, state);
  }
  return observeMetric(state, metric, seen, baselineUnits);
}

/** Folds one value of a head the experiment doesn't name. */
export function observeHead({ heads }: PairEvidence, head: string, seen: Observation): void {
  const metric = headDesign(head);
  const known = heads.get(head);
  if (!known && heads.size >= MOST_HEADS) return;
  const state = known ?? initialMetric(metric);
  if (!known) heads.set(head, state);
  observeMetric(state, metric, seen, 0);
}

const designs = new Map<string, MetricDesign>();

/** An unnamed head is observed and nothing else; its first value is that of the unit's first score. */
export function headDesign(head: string): MetricDesign {
  const known = designs.get(head);
  if (known) return known;
  const definition = qualityHeadMetric(headName(head));
  if (definition === null) throw new RangeError(`quality head "${head}": expected a name`);
  const design: MetricDesign = {
    definition,
    role: 'observed',
    test: null,
    isCollected: true,
    valuesIn: null,
    gainGrid: [],
  };
  designs.set(head, design);
  return design;
}

export function mergePairs(a: PairEvidence, b: PairEvidence): PairEvidence {
  return { metrics: mergeByName(a.metrics, b.metrics), heads: mergeByName(a.heads, b.heads) };
}

function mergeByName(
  a: ReadonlyMap<string, MetricEvidence>,
  b: ReadonlyMap<string, MetricEvidence>,
): Map<string, MetricEvidence> {
  const merged = new Map(a);
  for (const [name, state] of b) {
    const other = merged.get(name);
    merged.set(name, other ? mergeMetric(other, state) : state);
  }
  return merged;
}
