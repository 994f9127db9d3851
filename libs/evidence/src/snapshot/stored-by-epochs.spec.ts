import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { MetricAnalysis } from '#libs/contracts';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { analyse } from '../analysis/analyse.js';
import { evidenceDesign } from '../catalogue/evidence-design.js';
import { type Evidence, initialEvidence, mergeEvidence, type ObservedEvent } from '../fold/evidence.js';
import { foldEvent } from '../fold/fold-event.js';
import type { UnitChanges } from '../fold/unit-memory.js';
import { decodeEvidence, encodeEvidence, type EncodedEvidence } from './evidence-codec.js';
import type { MetricChange } from './metric-identity.js';

/** What evidence was stored as when traffic and coverage were kept by the service's epochs: of the first half of the traffic below. */
const BY_EPOCHS = new URL('stored-evidence/by-epochs.json', import.meta.url);

const design = evidenceDesign(definition(), 1);

/** Sixty users at two shares of the candidate, with a new epoch for every 40 requests. */
const requests = (() => {
  const traffic = new SimulatedTraffic(3, { candidate: { costFactor: 1.1 } }, 100, 60);
  traffic.candidateShare = 0.1;
  return Array.from({ length: 800 }, (_, request) => {
    if (request > 0 && request % 40 === 0) traffic.rampTo(request < 200 ? 0.1 : 0.5, request < 200 ? 0 : 1);
    return traffic.next() as readonly ObservedEvent[];
  });
})();

function fold(parts: Map<string, Evidence>, from: number, until: number): Map<string, Evidence> {
  for (const event of requests.slice(from, until).flat()) {
    const part = parts.get(event.type) ?? initialEvidence(design, event.type);
    parts.set(event.type, part);
    foldEvent(part, design, event);
  }
  return parts;
}

/** @param onChange called for each metric that is another one by now. */
function stored(onChange: (change: MetricChange) => void = () => undefined): Map<string, Evidence> {
  const rows = JSON.parse(readFileSync(BY_EPOCHS, 'utf8')) as { topic: string; evidence: string; units: string }[];
  return new Map(
    rows.map(({ topic, evidence, units }) => {
      const { units: hashes, marks, numbers, ...rest } = unpacked(units) as UnitChanges;
      const changes = {
        ...rest,
        units: Float64Array.from(hashes),
        marks: Uint32Array.from(marks),
        numbers: Float64Array.from(numbers),
      };
      return [topic, decodeEvidence(design, unpacked(evidence) as EncodedEvidence, [changes], onChange)];
    }),
  );
}

function unpacked(packed: string): unknown {
  return JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString('utf8'));
}

function analysisOf(parts: ReadonlyMap<string, Evidence>) {
  return analyse([...parts.values()].reduce(mergeEvidence), design, 0);
}

const tails = (metrics: readonly MetricAnalysis[]) =>
  metrics.filter(({ kind }) => kind === 'upper-tail').map(({ metric, estimate }) => ({ metric, estimate }));

/** Then nothing waited for control's first ends: proofs of how requests end had bet on some more. */
function asItWas(analysed: MetricAnalysis): Partial<MetricAnalysis> {
  const { lnE: _lnE, p: _p, budget: _budget, ...rest } = analysed;
  return ['error-rate', 'delivery-rate', 'abandon-rate'].includes(analysed.metric) ? rest : analysed;
}

describe('evidence that was stored by epochs', () => {
  it('goes on as what is folded today', () => {
    const today = analysisOf(fold(new Map(), 0, 800));
    const changed = new Set<string>();
    const went = analysisOf(
      fold(
        stored(({ metric }) => changed.add(metric)),
        400,
        800,
      ),
    );
    expect(went.health.coverage).toEqual(today.health.coverage);
    expect(went.health.srm).toEqual(today.health.srm);
    expect(went.units).toEqual(today.units);
    // Then a unit's own sums began anew with every epoch, and nobody counted how steeply tails fall: they begin to be discounted now.
    const goesOn = ({ metric, kind }: MetricAnalysis): boolean =>
      kind !== 'ratio' && kind !== 'upper-tail' && !changed.has(metric);
    expect(tails(went.metrics)).toEqual(tails(today.metrics));
    expect(went.metrics.filter(goesOn).map(asItWas)).toEqual(today.metrics.filter(goesOn).map(asItWas));
    expect(went.metrics.filter(goesOn).length).toBeGreaterThan(10);
    expect(went.metrics.map(({ verdict }) => verdict)).toEqual(today.metrics.map(({ verdict }) => verdict));
  });

  it('says what it said: the units of the newest epoch as those of its stage, no unit twice', () => {
    const { unitsInStage, units, requests: all } = analysisOf(stored());
    expect(unitsInStage).toBeGreaterThan(20);
    expect(unitsInStage).toBeLessThanOrEqual(40);
    expect(Object.values(units).reduce((sum, count) => sum + count, 0)).toBe(60);
    expect(Object.values(all).reduce((sum, count) => sum + count, 0)).toBe(400);
  });

  it('is stored as today from then on', () => {
    const [first] = [...fold(stored(), 400, 800).values()];
    const encoded = JSON.parse(JSON.stringify(encodeEvidence(first as Evidence))) as EncodedEvidence;
    expect(encoded.layout).toBe(encodeEvidence(initialEvidence(design, 'request.routed.v1')).layout);
    expect('epochs' in encoded.frame.traffic).toBe(false);
    const again = decodeEvidence(design, encoded, [(first as Evidence).units.everything()]);
    expect(encodeEvidence(again)).toEqual(encodeEvidence(first as Evidence));
  });
});
