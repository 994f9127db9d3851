import { describe, expect, it } from 'vitest';
import type { MetricAnalysis, PairedMetricAnalysis } from '#libs/contracts';
import { type Behaviour, definition, PairedTraffic } from '#libs/testing/traffic';
import {
  analyse,
  decodeEvidence,
  encodeEvidence,
  type Evidence,
  evidenceDesign,
  foldEvent,
  initialEvidence,
} from '../index.js';
import type { RequestEvent } from '../fold/observe-metrics.js';
import type { EncodedEvidence } from '../snapshot/evidence-codec.js';

const NAME = 'predicted-preference';
const guardrail = { metric: NAME, margin: { kind: 'absolute', value: 0.05 }, rollbackOn: 'beyond-margin' } as const;
const design = evidenceDesign(definition({ guardrails: [...definition().spec.guardrails, guardrail] }), 1);

/** Of a scorer whose logit is so many times its cosine. */
function shadow(pairs: number, candidate: Behaviour, { scale = 20, seed = 1 } = {}): readonly RequestEvent[] {
  const traffic = new PairedTraffic(seed, { candidate });
  return Array.from({ length: pairs }, () => traffic.pair())
    .flatMap(({ original, copy }) => [...original, ...copy])
    .map((event) =>
      event.type === 'image.scored.v1' && event.data.alignment !== null
        ? { ...event, data: { ...event.data, preference: scale * event.data.alignment } }
        : event,
    );
}

function folded(events: readonly RequestEvent[], by = design): Evidence {
  const evidence = initialEvidence(by);
  for (const event of events) foldEvent(evidence, by, event);
  return evidence;
}

interface Found {
  readonly inPairs: PairedMetricAnalysis | undefined;
  readonly overall: MetricAnalysis;
}

function found(evidence: Evidence, by = design): Found {
  const analysis = analyse(evidence, by, Date.now());
  return {
    inPairs: analysis.pairs?.[0]?.metrics.find(({ metric }) => metric === NAME),
    overall: analysis.metrics.find(({ metric }) => metric === NAME) as MetricAnalysis,
  };
}

describe('the preference that a model predicts of pairs', () => {
  it('finds a candidate whose pictures would be preferred less, and says how probably', () => {
    const { inPairs, overall } = found(folded(shadow(120, { alignment: 0.27 })));
    expect(inPairs).toMatchObject({ verdict: 'harmful', reason: 'worse-than-margin', role: 'guardrail' });
    expect(inPairs?.n).toBeGreaterThan(100);
    expect(inPairs?.estimate.candidate).toBeCloseTo(0.5 + (inPairs?.estimate.effect as number), 12);
    expect(inPairs?.estimate.control).toBeCloseTo(0.5 - (inPairs?.estimate.effect as number), 12);
    // σ(−0.03 · 20) = 0.354 where the pictures' own noise is left out.
    expect(inPairs?.estimate.candidate).toBeGreaterThan(0.32);
    expect(inPairs?.estimate.candidate).toBeLessThan(0.4);
    // What the shadow has found holds on the ramp, whose requests say nothing of it.
    expect(overall).toMatchObject({ verdict: 'harmful', lnE: inPairs?.lnE });
  });

  it('proves an equal one equal, and a better one better', () => {
    const equal = found(folded(shadow(400, {}))).inPairs;
    expect(equal).toMatchObject({ verdict: 'non-inferior' });
    expect(Math.abs(equal?.estimate.effect as number)).toBeLessThan(0.04);
    expect(found(folded(shadow(200, { alignment: 0.33 }))).inPairs).toMatchObject({ verdict: 'superior' });
  });

  it('takes pictures that nobody can tell apart for equal, though each is a little worse', () => {
    const events = shadow(200, { alignmentSpread: 0 }).map((event) => {
      if (event.type !== 'image.scored.v1' || event.data.outcome !== 'scored') return event;
      const isCopy = event.data.assignment?.variant === 'candidate';
      return { ...event, data: { ...event.data, preference: isCopy ? 6 - 0.02 : 6 } };
    });
    const { inPairs } = found(folded(events));
    expect(inPairs).toMatchObject({ verdict: 'non-inferior' });
    expect(inPairs?.estimate.effect).toBeCloseTo(-0.005, 4);
  });

  it('says the opposite when the sides change places', () => {
    const events = shadow(150, { alignment: 0.28 });
    const logits = new Map(
      events.flatMap((event) =>
        event.type === 'image.scored.v1' ? [[event.data.requestId, event.data.preference] as const] : [],
      ),
    );
    const swapped = events.map((event) => {
      if (event.type !== 'image.scored.v1') return event;
      const { requestId } = event.data;
      const other = requestId.endsWith('-copy') ? requestId.slice(0, -5) : `${requestId}-copy`;
      return { ...event, data: { ...event.data, preference: logits.get(other) } };
    });
    const by = evidenceDesign(definition({ guardrails: [], objectives: [{ metric: NAME, weight: 1 }] }), 1);
    const [seen, mirrored] = [events, swapped].map((all) => found(folded(all, by), by).inPairs);
    expect(mirrored?.n).toBe(seen?.n);
    expect(mirrored?.estimate.effect).toBeCloseTo(-(seen?.estimate.effect as number), 9);
    expect(mirrored?.lnE?.superior).toBeCloseTo(seen?.lnE?.harmful as number, 8);
    expect(mirrored?.lnE?.harmful).toBeCloseTo(seen?.lnE?.superior as number, 8);
  });

  it('says nothing of scorers that did not learn it, and of blank pictures', () => {
    const unlearnt = shadow(60, {}).map((event) =>
      event.type === 'image.scored.v1' ? { ...event, data: { ...event.data, preference: undefined } } : event,
    );
    expect(found(folded(unlearnt)).inPairs).toMatchObject({ verdict: 'undecided', reason: 'no-data', n: 0 });
  });

  it('goes on from a snapshot as if nothing had been, with sides that wait', () => {
    const events = shadow(40, { alignment: 0.28 });
    for (const cut of [0, 57, 141, events.length]) {
      const before = folded(events.slice(0, cut));
      const stored = JSON.parse(JSON.stringify(encodeEvidence(before))) as EncodedEvidence;
      const after = decodeEvidence(design, stored, [before.units.takeChanges()]);
      for (const event of events.slice(cut)) foldEvent(after, design, event);
      expect(found(after).inPairs).toEqual(found(folded(events)).inPairs);
    }
  });
});
