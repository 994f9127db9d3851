import { describe, expect, it } from 'vitest';
import {
  definition,
  everythingGuarded,
  foldByPartition,
  fullTraffic,
  PairedTraffic,
  SimulatedTraffic,
} from '#libs/testing/traffic';
import { analyse } from '../analysis/analyse.js';
import { type EvidenceDesign, evidenceDesign } from '../catalogue/evidence-design.js';
import { canDecide } from '../catalogue/definition.js';
import { metricCatalogue } from '../catalogue/metric-catalogue.js';
import { type Evidence, mergeEvidence, type ObservedEvent } from '../fold/evidence.js';
import { encodeEvidence } from './evidence-codec.js';
import { decodeMergeable, mergeableEvidence } from './mergeable.js';

const PARTITIONS = 4;
const deciding = metricCatalogue.filter(({ kind }) => canDecide(kind)).map(({ name }) => name);
const watched = metricCatalogue.filter(({ kind }) => !canDecide(kind)).map(({ name }) => name);

/** Shadow traffic, of which some pairs are half, then requests of both variants. */
function withPairs(seed: number): readonly ObservedEvent[] {
  const shadow = new PairedTraffic(seed, { candidate: { errorRate: 0.05 } });
  const requests = new SimulatedTraffic(seed, {});
  const pairs = Array.from({ length: 200 }, (_, index) => {
    const { original, copy } = shadow.pair();
    return index % 7 === 0 ? original : [...original, ...copy];
  });
  return [...pairs.flat(), ...Array.from({ length: 100 }, () => requests.next()).flat()];
}

const histories: readonly (readonly [string, EvidenceDesign, (seed: number) => readonly ObservedEvent[]])[] = [
  [
    'all topics, with metrics of all kinds',
    evidenceDesign(everythingGuarded(deciding, watched, { baselineUnits: 20 }), PARTITIONS),
    (seed) =>
      fullTraffic({ seed, requests: 400, users: 90, rampAt: 200, candidate: { preferred: 0.6, errorRate: 0.05 } }),
  ],
  ['pairs of shadow traffic', evidenceDesign(definition(), PARTITIONS), withPairs],
];

describe('evidence of parts that is sent to be merged', () => {
  it.each(histories)('says bit for bit what the parts say where they are: %s', (_name, design, historyOf) => {
    for (const seed of [1, 2, 3]) {
      const parts = foldByPartition(design, historyOf(seed), PARTITIONS);
      expect(parts.length).toBeGreaterThan(2 * PARTITIONS);
      const sent = parts.map((part) => overTheWire(design, part));
      const nowMs = Date.UTC(2026, 0, 1, 0, 0, 30);
      expect(analyse(sum(sent), design, nowMs)).toEqual(analyse(sum(parts), design, nowMs));
      for (const [index, part] of parts.entries())
        expect(analyse(sent[index]!, design, nowMs)).toEqual(analyse(part, design, nowMs));
    }
  });

  it('says how many observations the memory of units has turned away', () => {
    const { 1: design } = histories[1]!;
    const [part] = foldByPartition(design, withPairs(1), 1);
    part!.units.refused = 3;
    expect(overTheWire(design, part!).units.refused).toBe(3);
  });

  it('leaves the memories behind: its size is one of metrics, not of units', () => {
    const { 1: design, 2: historyOf } = histories[0]!;
    const sizes = foldByPartition(design, historyOf(1), 1).map(
      (part) => JSON.stringify(mergeableEvidence(encodeEvidence(part), 0)).length,
    );
    expect(Math.max(...sizes)).toBeLessThan(500_000);
  });
});

function overTheWire(design: EvidenceDesign, part: Evidence): Evidence {
  const sent = mergeableEvidence(encodeEvidence(part), part.units.refused);
  return decodeMergeable(design, JSON.parse(JSON.stringify(sent)) as typeof sent);
}

function sum(parts: readonly Evidence[]): Evidence {
  return parts.reduce((a, b) => mergeEvidence(a, b));
}
