import type { EvidenceDesign, MetricDesign } from '../catalogue/evidence-design.js';
import { tuningOf } from '../kinds/metric-evidence.js';
import { digestOf } from './digest.js';

/** What a metric's stored numbers belong to. Where one of the three has changed they mean something else and are not read. */
export interface MetricIdentity {
  readonly name: string;
  readonly kind: string;
  /** Digest of everything else that the numbers depend on. */
  readonly tuning: string;
}

const known = new WeakMap<MetricDesign, MetricIdentity>();

export function identityOf(metric: MetricDesign): MetricIdentity {
  const before = known.get(metric);
  if (before) return before;
  const { name, kind, topic, unit, direction, lateData, reads = null } = metric.definition;
  const tuning = digestOf([
    topic,
    unit,
    direction,
    lateData,
    reads,
    metric.isCollected,
    metric.warmUp,
    tuningOf(metric),
  ]);
  const identity = { name, kind, tuning };
  known.set(metric, identity);
  return identity;
}

/** What has become of a metric since its evidence was stored; `changed`: its kind or its tuning is another one. */
export interface MetricChange {
  readonly metric: string;
  readonly what: 'added' | 'removed' | 'changed';
}

/** Which metrics evidence gathered by one design does not go on with by another, and what has become of them. */
export function changedMetrics(
  before: Pick<EvidenceDesign, 'metrics'>,
  after: Pick<EvidenceDesign, 'metrics'>,
): readonly MetricChange[] {
  return compareMetrics(before.metrics.map(identityOf), after.metrics).changes;
}

/** Which of the design's metrics go on with what is stored, and what became of the others. */
export interface MetricHistory<Stored extends MetricIdentity> {
  readonly kept: ReadonlyMap<MetricDesign, Stored>;
  readonly fresh: readonly MetricDesign[];
  readonly changes: readonly MetricChange[];
}

export function compareMetrics<Stored extends MetricIdentity>(
  stored: readonly Stored[],
  designed: readonly MetricDesign[],
): MetricHistory<Stored> {
  const byName = new Map(stored.map((metric) => [metric.name, metric]));
  const kept = new Map<MetricDesign, Stored>();
  const fresh: MetricDesign[] = [];
  const changes: MetricChange[] = [];
  for (const metric of designed) {
    const { name, kind, tuning } = identityOf(metric);
    const before = byName.get(name);
    byName.delete(name);
    if (before?.kind === kind && before.tuning === tuning) {
      kept.set(metric, before);
      continue;
    }
    fresh.push(metric);
    changes.push({ metric: name, what: before ? 'changed' : 'added' });
  }
  for (const name of byName.keys()) changes.push({ metric: name, what: 'removed' });
  return { kept, fresh, changes };
}
