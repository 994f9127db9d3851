import type { Arm } from '#libs/statistics';
import type { RequestTopic } from '../catalogue/definition.js';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import { addByArm } from '../kinds/arm-counts.js';
import { type Coverage, initialCoverage, mergeCoverage } from '../fold/coverage.js';
import { initialPresence, mergePresence, type Presence } from '../fold/presence.js';
import { addCounts } from '../fold/traffic.js';
import { type PairedMetric, pairedMethodOf } from './paired-metric.js';

/** What the pairs of one candidate and control say; nothing but pairs is in it, and no pair's copy is anywhere else. */
export interface PairedEvidence {
  /** By the metric's name; nothing where no pair was compared yet. */
  readonly metrics: Map<string, PairedMetric>;
  /** Pairs of which both sides came, by topic. */
  readonly complete: Map<string, number>;
  /** Requests of which one side never came, by the side that did. */
  readonly halves: Record<Arm, number>;
  /** Requests whose unit and prompt have a pair already. */
  repeated: number;
  /** Pairs of which a client or the router gave up one side: they say nothing. */
  withdrawn: number;
  /** Pairs of pictures whose decoded pixels were hashed, and those of them that are equal. */
  readonly pixels: PixelCounts;
  /** Which sides have a value of what they should have one. */
  readonly presence: Presence;
  /** Which delivered sides were reported and scored, by the side's name. */
  readonly coverage: Coverage;
}

export interface PixelCounts {
  compared: number;
  equal: number;
}

export function initialPairedEvidence(): PairedEvidence {
  return {
    metrics: new Map(),
    complete: new Map(),
    halves: { control: 0, candidate: 0 },
    repeated: 0,
    withdrawn: 0,
    pixels: { compared: 0, equal: 0 },
    presence: initialPresence(),
    coverage: initialCoverage(),
  };
}

export function mergePairedEvidence(a: PairedEvidence, b: PairedEvidence): PairedEvidence {
  const metrics = new Map(a.metrics);
  for (const [name, state] of b.metrics) {
    const other = metrics.get(name);
    metrics.set(name, other ? pairedMethodOf(state.kind).merge(other, state) : state);
  }
  return {
    metrics,
    complete: addCounts(a.complete, b.complete),
    halves: addByArm(a.halves, b.halves),
    repeated: a.repeated + b.repeated,
    withdrawn: a.withdrawn + b.withdrawn,
    pixels: { compared: a.pixels.compared + b.pixels.compared, equal: a.pixels.equal + b.pixels.equal },
    presence: mergePresence(a.presence, b.presence),
    coverage: mergeCoverage(a.coverage, b.coverage),
  };
}

export function pairedMetric({ metrics }: PairedEvidence, metric: MetricDesign): PairedMetric {
  const { name, kind } = metric.definition;
  const known = metrics.get(name);
  if (known) return known;
  const fresh = pairedMethodOf(kind as PairedMetric['kind']).initial(metric);
  metrics.set(name, fresh);
  return fresh;
}

/** How many pairs the router has seen both sides of. */
export function pairsRouted({ complete }: PairedEvidence): number {
  return complete.get('request.routed.v1' satisfies RequestTopic) ?? 0;
}
