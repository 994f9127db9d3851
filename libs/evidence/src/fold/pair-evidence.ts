import { headName, qualityHead } from '../catalogue/picture-metrics.js';
import type { EvidenceDesign, MetricDesign } from '../catalogue/evidence-design.js';
import type { MeanState } from '../kinds/mean-method.js';
import {
  decodeMetric,
  encodeMetric,
  initialMetric,
  mergeMetric,
  type MetricEvidence,
  observeMetric,
} from '../kinds/metric-evidence.js';
import type { Observation } from '../kinds/method.js';

/** Quality heads that are followed without having been named; more are left out. */
const MOST_HEADS = 16;

/** The evidence of one candidate against control. */
export interface PairEvidence {
  /** In the order of the design's metrics; null where nothing was observed yet. */
  readonly metrics: (MetricEvidence | null)[];
  /** Quality heads the experiment doesn't name, as they were found in the scores. */
  readonly heads: Map<string, MetricEvidence>;
}

export function initialPair(design: EvidenceDesign): PairEvidence {
  return { metrics: design.metrics.map(() => null), heads: new Map() };
}

export function observeInPair(
  pair: PairEvidence,
  metric: MetricDesign,
  seen: Observation,
  baselineUnits: number,
): void {
  const state = (pair.metrics[metric.index] ??= initialMetric(metric));
  observeMetric(state, metric, seen, baselineUnits);
}

/** Folds one value of a head the experiment doesn't name. */
export function observeHead(pair: PairEvidence, head: string, seen: Observation): void {
  const metric = headDesign(head);
  const known = pair.heads.get(head);
  if (!known && pair.heads.size >= MOST_HEADS) return;
  const state = known ?? (initialMetric(metric) as MeanState);
  if (!known) pair.heads.set(head, state);
  observeMetric(state, metric, seen, 0);
}

const designs = new Map<string, MetricDesign>();

/** An unnamed head is observed and nothing else; its first value is that of the unit's first score. */
export function headDesign(head: string): MetricDesign {
  const known = designs.get(head);
  if (known) return known;
  const definition = qualityHead(headName(head));
  if (definition === null) throw new RangeError(`quality head "${head}": expected a name`);
  const design: MetricDesign = {
    definition,
    index: -1,
    role: 'observed',
    test: null,
    measuredBit: -1,
    badBit: -1,
    numbersAt: -1,
    valuesIn: -1,
    gainGrid: [],
  };
  designs.set(head, design);
  return design;
}

export function mergePairs(a: PairEvidence, b: PairEvidence): PairEvidence {
  const heads = new Map<string, MetricEvidence>();
  for (const head of [...new Set([...a.heads.keys(), ...b.heads.keys()])].sort()) {
    heads.set(head, mergeMetric(a.heads.get(head) ?? null, b.heads.get(head) ?? null) as MetricEvidence);
  }
  return { metrics: a.metrics.map((state, index) => mergeMetric(state, b.metrics[index] ?? null)), heads };
}

export interface EncodedPair {
  readonly metrics: readonly unknown[];
  readonly heads: readonly (readonly [string, unknown])[];
}

export function encodePair({ metrics, heads }: PairEvidence): EncodedPair {
  return { metrics: metrics.map(encodeMetric), heads: [...heads].map(([head, state]) => [head, encodeMetric(state)]) };
}

export function decodePair({ metrics, heads }: EncodedPair, design: EvidenceDesign): PairEvidence {
  return {
    metrics: design.metrics.map((metric, index) => decodeMetric(metrics[index] ?? null, metric)),
    heads: new Map(heads.map(([head, state]) => [head, decodeMetric(state, headDesign(head)) as MetricEvidence])),
  };
}
