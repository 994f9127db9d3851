import type { ObservedTopic } from '../catalogue/definition.js';
import type { EvidenceDesign, MetricDesign } from '../catalogue/evidence-design.js';
import { type Evidence, initialEvidence } from '../fold/evidence.js';
import type { MetricPlace } from '../fold/unit-facts.js';
import type { UnitLayout } from '../fold/unit-mark.js';
import type { UnitChanges } from '../fold/unit-memory.js';
import { drawsOf } from '../fold/traffic.js';
import { decodeFrame, encodeFrame, type EncodedFrame } from './frame-codec.js';
import { isReadable, storedLayoutOf } from './layout.js';
import { compareMetrics, identityOf, type MetricChange } from './metric-identity.js';
import { decodePair, encodePair, type EncodedPair, type StoredState } from './pair-codec.js';
import { decodePairs, encodePairs, type EncodedPairs } from '../pairs/pairs-codec.js';
import { restoreUnits } from './restore-units.js';

/** A metric the evidence was folded by: whose numbers and facts are whose. */
interface StoredMetric extends StoredState {
  /** Its place in the units' marks; null: it reads no event of this topic. */
  readonly place: MetricPlace | null;
}

/** Evidence as plain JSON, every double exactly. The memory of units travels apart (`evidence.units.takeChanges()`), as bytes. */
export interface EncodedEvidence {
  /** Digest of the form of everything in here, see {@link storedLayoutOf}. */
  readonly layout: string;
  readonly metrics: readonly StoredMetric[];
  readonly marks: UnitLayout;
  readonly topic: ObservedTopic | null;
  readonly pairs: readonly (readonly [candidate: string, EncodedPair])[];
  /** Absent where no pair of shadow traffic ever came. */
  readonly paired?: EncodedPairs;
  readonly frame: EncodedFrame;
}

export function encodeEvidence(evidence: Evidence): EncodedEvidence {
  const { facts, pairs } = evidence;
  const paired = encodePairs(evidence);
  const metrics = facts.metrics.map((metric) => ({
    ...identityOf(metric),
    valuesIn: metric.valuesIn,
    place: facts.places.get(metric) ?? null,
  }));
  return {
    layout: storedLayoutOf(metrics.map(({ kind }) => kind)),
    metrics,
    marks: facts.layout,
    topic: facts.topic,
    pairs: [...pairs].map(([candidate, pair]) => [candidate, encodePair(pair, facts.metrics)] as const),
    ...(paired === undefined ? {} : { paired }),
    frame: encodeFrame(evidence),
  };
}

/**
 * Evidence that continues exactly where the encoded one stood, metric by metric: one that is new or means something else than before
 * starts afresh with the units that have not been seen yet, one that is no more is left out, all others go on bit for bit.
 * @param units everything the memory handed over, in order.
 * @param onChange called for each metric that does not go on.
 * @throws RangeError when it is stored in another form than today's.
 */
export function decodeEvidence(
  design: EvidenceDesign,
  encoded: EncodedEvidence,
  units: readonly UnitChanges[],
  onChange: (change: MetricChange) => void = () => undefined,
): Evidence {
  requireLayout(encoded);
  const history = compareMetrics(encoded.metrics, design.metrics);
  const evidence: Evidence = {
    ...initialEvidence(design, encoded.topic),
    ...decodeFrame(encoded.frame),
    ...(encoded.paired ? decodePairs(encoded.paired, namesOf(history.kept)) : {}),
    pairs: new Map(
      encoded.pairs.map(([candidate, pair]) => [candidate, decodePair(pair, encoded.metrics, history)] as const),
    ),
  };
  restoreUnits(evidence.units, units, { layout: encoded.marks, places: placesOf(history.kept) }, evidence.facts);
  const names = new Set([...history.kept.keys()].map(({ definition: { name } }) => name));
  for (const name of evidence.totals.open.keys()) if (!names.has(name)) evidence.totals.open.delete(name);
  const { firstSeen } = drawsOf(evidence.traffic);
  for (const { definition } of history.fresh) evidence.seenBefore.set(definition.name, new Map(firstSeen));
  for (const change of history.changes) {
    if (change.what === 'removed') evidence.seenBefore.delete(change.metric);
    onChange(change);
  }
  return evidence;
}

function requireLayout({ layout, metrics }: EncodedEvidence): void {
  const kinds = Array.isArray(metrics) ? metrics.map(({ kind }) => kind) : null;
  if (kinds !== null && isReadable(layout, kinds)) return;
  const expected = kinds === null ? 'one with named metrics' : storedLayoutOf(kinds);
  throw new RangeError(`evidence has layout ${layout}, expected ${expected}: fold it again from the log`);
}

function namesOf(kept: ReadonlyMap<MetricDesign, StoredMetric>): ReadonlySet<string> {
  return new Set([...kept.keys()].map(({ definition: { name } }) => name));
}

function placesOf(kept: ReadonlyMap<MetricDesign, StoredMetric>): ReadonlyMap<MetricDesign, MetricPlace> {
  return new Map([...kept].flatMap(([metric, { place }]) => (place ? [[metric, place] as const] : [])));
}
