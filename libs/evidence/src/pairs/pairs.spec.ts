import { type Guardrail, type PairsAnalysis, experimentAnalysed } from '#libs/contracts';
import { definition, foldByPartition, PairedTraffic, type Behaviour, type SimulatedPair } from '#libs/testing/traffic';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  analyse,
  decodeEvidence,
  encodeEvidence,
  type EncodedEvidence,
  type Evidence,
  evidenceDesign,
  foldEvent,
  initialEvidence,
  mergeEvidence,
  type RequestEvent,
} from '../index.js';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { Tests } from '../kinds/method.js';
import { analysePairs } from './analyse-pairs.js';
import type { SideValue } from './paired-method.js';
import { pairedUpperTail } from './paired-upper-tail.js';

const relative = (metric: string, value: number): Guardrail => ({
  metric,
  margin: { kind: 'relative', value },
  rollbackOn: 'beyond-margin',
});

const guardrails: readonly Guardrail[] = [
  ...definition().spec.guardrails,
  { metric: 'delivery-rate', margin: { kind: 'absolute', value: 0.02 }, rollbackOn: 'beyond-margin' },
  relative('gpu-seconds-per-image', 0.1),
];
const design = evidenceDesign(definition({ guardrails: [...guardrails], baselineUnits: 100 }), 1);
const MINUTE_MS = 60_000;

/** Control's usual traffic, then pairs. */
function shadow(
  pairs: number,
  candidate: Behaviour = {},
  { seed = 1, perSecond = 100 } = {},
): { alone: RequestEvent[]; pairs: SimulatedPair[] } {
  const traffic = new PairedTraffic(seed, { candidate }, 0.7, perSecond);
  const alone = Array.from({ length: 150 }, () => traffic.alone()).flat();
  return { alone, pairs: Array.from({ length: pairs }, () => traffic.pair()) };
}

function both({ alone, pairs }: ReturnType<typeof shadow>): RequestEvent[] {
  return [...alone, ...pairs.flatMap(({ original, copy }) => [...original, ...copy])];
}

function folded(events: readonly RequestEvent[], by = design): Evidence {
  const evidence = initialEvidence(by);
  for (const event of events) foldEvent(evidence, by, event);
  return evidence;
}

function pairsOf(events: readonly RequestEvent[], by = design): PairsAnalysis {
  return analysePairs(folded(events, by), by)[0] as PairsAnalysis;
}

function verdictOf({ metrics }: PairsAnalysis, metric: string): string {
  const found = metrics.find((of) => of.metric === metric);
  return `${found?.verdict}: ${found?.reason}`;
}

function nOf({ metrics }: PairsAnalysis, metric: string): number {
  return metrics.find((of) => of.metric === metric)?.n ?? 0;
}

describe('pairs of shadow traffic', () => {
  it('allow an equal candidate a share of the traffic, under the damage budget, and say which guardrail allows no more', () => {
    const analysed = pairsOf(both(shadow(350)));
    expect(analysed).toMatchObject({
      candidate: 'candidate',
      n: 350,
      halves: { control: 0, candidate: 0 },
      withdrawn: 0,
      repeated: 0,
    });
    expect(analysed.metrics.map(({ verdict }) => verdict)).not.toContain('harmful');
    expect(analysed.allowsPpm).toBeGreaterThanOrEqual(100_000);
    const stage = design.sharesPpm.indexOf(analysed.allowsPpm);
    expect(analysed.firstStage).toEqual({ stage, sharePpm: analysed.allowsPpm });
    expect(guardrails.map(({ metric }) => metric)).toContain(analysed.hardest);
  });

  it.each<[string, Behaviour, string]>([
    ['latency × 2', { latencyFactor: 2 }, 'latency-p95'],
    ['alignment −10 %', { alignment: 0.27 }, 'alignment'],
    ['a fifth of the pictures wrong', { wrongShare: 0.2 }, 'wrong-pictures'],
    ['cost +40 %', { costFactor: 1.4 }, 'cost-per-image'],
    ['errors in a fifth of the requests', { errorRate: 0.2 }, 'error-rate'],
  ])('find %s, with nobody served by it', (_what, candidate, metric) => {
    const events = both(shadow(150, candidate));
    const evidence = folded(events);
    const analysis = analyse(evidence, design, Date.parse(events.at(-1)?.time as string));
    const [pairs] = analysis.pairs as [PairsAnalysis];
    expect(verdictOf(pairs, metric)).toBe('harmful: worse-than-margin');
    expect(pairs).toMatchObject({ allowsPpm: 0, firstStage: { stage: 0, sharePpm: 10_000 } });
    expect(analysis.requests).toMatchObject({ candidate: 0 });
    expect(analysis.metrics.map(({ verdict }) => verdict)).not.toContain('harmful');
    const onTheWire = { ...analysis, analysisId: 'a', analysedAt: '2026-01-01T00:00:00.000Z' };
    expect(experimentAnalysed.parse(JSON.parse(JSON.stringify(onTheWire)))).toEqual(onTheWire);
  });

  it('leave all other evidence as it would be without the copies', () => {
    const traffic = shadow(40);
    const { pairs, frame } = encodeEvidence(folded(both(traffic)));
    const originals = traffic.pairs.flatMap(({ original }) => original);
    const without = encodeEvidence(folded([...traffic.alone, ...originals]));
    expect(pairs).toEqual(without.pairs);
    expect(frame.traffic).toEqual(without.frame.traffic);
    expect(frame.coverage).toEqual(without.frame.coverage);
    expect(frame.pulses).toEqual(without.frame.pulses);
  });

  it('are one per unit and prompt, whatever comes twice and whichever side comes first', () => {
    const traffic = shadow(60);
    const once = pairsOf(both(traffic));
    expect(pairsOf(both(traffic).flatMap((event) => [event, event]))).toEqual(once);
    const copiesFirst = traffic.pairs.flatMap(({ original, copy }) => [...copy, ...original]);
    expect(pairsOf([...traffic.alone, ...copiesFirst])).toMatchObject({ n: 60, halves: once.halves });

    const again = traffic.pairs.map(({ original, copy }) => ({
      original: original.map((event) => asAnotherRequest(event)),
      copy: copy.map((event) => asAnotherRequest(event)),
    }));
    const repeated = pairsOf([...both(traffic), ...both({ alone: [], pairs: again })]);
    expect(repeated).toEqual({ ...once, repeated: 60 });
  });

  it('compare a request whose copy was never heard of as one whose copy never ended', () => {
    const { alone, pairs } = shadow(12);
    const silent = [...alone, ...pairs.flatMap(({ original }) => original)];
    expect(pairsOf(silent)).toBeUndefined();
    const later = delayed(shadow(1, {}, { seed: 2 }).pairs[0]?.original as readonly RequestEvent[], 11 * MINUTE_MS);
    const analysed = pairsOf([...silent, ...later]);
    expect(analysed.halves).toEqual({ control: 12, candidate: 0 });
    expect(verdictOf(analysed, 'error-rate')).toBe('harmful: worse-than-margin');
    expect(verdictOf(analysed, 'delivery-rate')).toBe('harmful: worse-than-margin');
    expect(analysed.n).toBe(0);
  });

  it('say nothing where the router gave up the copy, or the client the request', () => {
    const { alone, pairs } = shadow(30);
    const givenUp = pairs.map(({ original, copy }, index) => ({
      original: original.map((event) => (index % 2 === 0 ? cancelled(event) : event)),
      copy: copy.map((event) => (index % 2 === 1 ? cancelled(event) : event)),
    }));
    const routed = both({ alone, pairs: givenUp }).filter(({ type }) => type === 'request.routed.v1');
    const analysed = pairsOf(routed);
    expect(analysed).toMatchObject({ n: 0, withdrawn: 30, halves: { control: 0, candidate: 0 } });
    expect(verdictOf(analysed, 'error-rate')).toBe('undecided: no-data');
  });

  it('prove nothing of values that one side has less often', () => {
    const { alone, pairs } = shadow(200, { coverage: 0.8 }, { perSecond: 5 });
    const analysed = pairsOf(both({ alone, pairs }));
    expect(verdictOf(analysed, 'alignment')).toBe('unmeasurable: missing-more-often');
    expect(verdictOf(analysed, 'wrong-pictures')).toBe('unmeasurable: missing-more-often');
    expect(analysed.allowsPpm).toBe(0);
  });

  it('do not compare durations while the candidate starts, and warm it up', () => {
    const by = evidenceDesign(definition({ warmUp: { requests: 20, forMs: MINUTE_MS }, baselineUnits: 100 }), 1);
    const { alone, pairs } = shadow(120);
    const early = { alone: [], pairs: pairs.slice(0, 20) };
    const first = pairsOf(both({ ...early, alone }), by);
    expect(nOf(first, 'error-rate')).toBe(20);
    expect(nOf(first, 'latency-p95')).toBe(0);
    // Once it is warm, control's durations count, and then those of pairs do.
    const warm = pairsOf([...both(early), ...alone, ...both({ alone: [], pairs: pairs.slice(20) })], by);
    expect(nOf(warm, 'latency-p95')).toBeGreaterThan(90);
  });

  it('say of how many pairs of pictures the pixels are equal', () => {
    const { alone, pairs } = shadow(20);
    const hashed = pairs.map(({ original, copy }, index) => ({
      original: original.map((event) => withPixels(event, 'a')),
      copy: copy.map((event) => withPixels(event, index < 5 ? 'a' : 'b')),
    }));
    const { pixels } = pairsOf(both({ alone, pairs: hashed }));
    const scored = hashed.filter((pair) => [pair.original, pair.copy].every((side) => side.length === 3));
    const equal = scored.filter(({ copy }) => JSON.stringify(copy.at(-1)).includes('"pixels":"a')).length;
    expect(pixels).toEqual({ compared: scored.length, equal, share: equal / scored.length });
    expect(pairsOf(both({ alone, pairs })).pixels).toEqual({ compared: 0, equal: 0, share: null });
  });

  it('do not decide on what people do with their pictures, and say so', () => {
    const by = evidenceDesign(definition({ guardrails: [relative('regenerate-rate', 0.1)] }), 1);
    const analysed = pairsOf(both(shadow(50)), by);
    expect(verdictOf(analysed, 'regenerate-rate')).toBe('unmeasurable: not-paired');
    expect(analysed).toMatchObject({ allowsPpm: 0, hardest: 'regenerate-rate' });
  });

  it('continue from a snapshot bit for bit, and merge in any order', () => {
    const traffic = shadow(60, { errorRate: 0.1 });
    const events = [...both({ ...traffic, pairs: traffic.pairs.slice(0, 50) })];
    // Sides that wait, the order of the others mixed.
    const mixed = traffic.pairs.slice(50).flatMap(({ original }) => original);
    const rest = traffic.pairs.slice(50).flatMap(({ copy }) => copy);
    const all = [...events, ...mixed, ...rest];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: all.length }), (cut) => {
        const through = folded(all);
        const before = folded(all.slice(0, cut));
        const stored = JSON.parse(JSON.stringify(encodeEvidence(before))) as EncodedEvidence;
        const after = decodeEvidence(design, stored, [before.units.takeChanges()]);
        for (const event of all.slice(cut)) foldEvent(after, design, event);
        expect(encodeEvidence(after).paired).toEqual(encodeEvidence(through).paired);
      }),
      { numRuns: 5, seed: 5 },
    );
    const by = evidenceDesign(definition({ guardrails: [...guardrails], baselineUnits: 100 }), 3);
    const parts = foldByPartition(by, all, 3);
    const merged = analysePairs(parts.reduce(mergeEvidence), by);
    const reversed = analysePairs(parts.toReversed().reduce(mergeEvidence), by);
    expect(merged[0]).toMatchObject({ n: 60, hardest: reversed[0]?.hardest, allowsPpm: reversed[0]?.allowsPpm });
    for (const [index, metric] of (merged[0] as PairsAnalysis).metrics.entries()) {
      const other = reversed[0]?.metrics[index];
      expect(metric.n).toBe(other?.n);
      expect(metric.lnE?.harmful).toBeCloseTo(other?.lnE?.harmful as number, 8);
    }
  });

  it('say the opposite when the sides change places', () => {
    const names = ['alignment', 'cost-per-image', 'error-rate', 'delivery-rate', 'gpu-seconds-per-image'];
    const by = evidenceDesign(
      definition({
        guardrails: [],
        episodes: 'off',
        objectives: names.map((metric) => ({ metric, weight: 1 })),
        baselineUnits: 100,
      }),
      1,
    );
    const { alone, pairs } = shadow(80, { alignment: 0.29, errorRate: 0.05, latencyFactor: 1.2, costFactor: 1.1 });
    const seen = pairsOf(both({ alone, pairs }), by);
    const swapped = pairsOf(both({ alone, pairs: pairs.map(exchanged) }), by);
    expect(seen.metrics.map(({ metric }) => metric).sort()).toEqual([...names].sort());
    for (const [index, { metric, lnE, estimate, n }] of seen.metrics.entries()) {
      const other = swapped.metrics[index];
      expect(other?.n, metric).toBe(n);
      expect(other?.lnE?.harmful, metric).toBeCloseTo(lnE?.superior as number, 8);
      expect(other?.lnE?.superior, metric).toBeCloseTo(lnE?.harmful as number, 8);
      expect(other?.estimate.control, metric).toBeCloseTo(estimate.candidate as number, 8);
    }
  });
});

describe('pairs of a tail', () => {
  it('say the opposite when the sides change places, at the same limit', () => {
    const metric = design.metrics.find(({ definition: { name } }) => name === 'latency-p95') as MetricDesign;
    const anyHarm = { kind: 'absolute', value: 0 } as const;
    const atZero: MetricDesign = {
      ...metric,
      episodes: 'off',
      test: { margin: anyHarm, harmBeyond: anyHarm, anyHarm: true, budget: [{ sharePpm: 1_000_000, margin: anyHarm }] },
    };
    const [seen, swapped] = [pairedUpperTail.initial(atZero), pairedUpperTail.initial(atZero)];
    for (let pair = 0; pair < 60; pair++) {
      const [fast, slow] = [100 + ((37 * pair) % 101), 110 + ((53 * pair) % 113)].map((value) => ({
        value,
        denominator: 1,
      }));
      const common = { frame: [190], atMs: 0, ordinary: undefined };
      pairedUpperTail.observe(seen, atZero, { ...common, control: fast as SideValue, candidate: slow as SideValue });
      pairedUpperTail.observe(swapped, atZero, { ...common, control: slow as SideValue, candidate: fast as SideValue });
    }
    const of = (state: typeof seen): Tests => pairedUpperTail.judge(state, atZero, undefined).tests as Tests;
    expect(of(seen).harmful).toBeGreaterThan(1);
    expect(of(swapped).superior).toBeCloseTo(of(seen).harmful, 8);
    expect(of(swapped).harmful).toBeCloseTo(of(seen).superior, 8);
  });
});

/** What one side measured on the other, whoever it is. */
function exchanged({ original, copy }: SimulatedPair): SimulatedPair {
  const [firstOriginal, firstCopy] = [original[0], copy[0]] as [RequestEvent, RequestEvent];
  return { original: asOf(copy, firstOriginal), copy: asOf(original, firstCopy) };
}

function asOf(events: readonly RequestEvent[], { data: { requestId, assignment } }: RequestEvent): RequestEvent[] {
  return events.map((event) => {
    const seenBy = event.type === 'generation.completed.v1' ? { shadow: !event.data.shadow } : {};
    return { ...event, data: { ...event.data, requestId, assignment, ...seenBy } } as RequestEvent;
  });
}

function asAnotherRequest(event: RequestEvent): RequestEvent {
  const { assignment, requestId } = event.data;
  const pair = assignment?.pair && { ...assignment.pair, request: `${assignment.pair.request}-again` };
  return {
    ...event,
    data: { ...event.data, requestId: `${requestId}-again`, assignment: { ...assignment, pair } },
  } as RequestEvent;
}

function delayed(events: readonly RequestEvent[], byMs: number): RequestEvent[] {
  return events.map((event) => ({ ...event, time: new Date(Date.parse(event.time) + byMs).toISOString() }));
}

function cancelled(event: RequestEvent): RequestEvent {
  if (event.type !== 'request.routed.v1') return event;
  return { ...event, data: { ...event.data, outcome: 'cancelled', status: null, durationMs: null, waitedMs: 500 } };
}

function withPixels(event: RequestEvent, letter: string): RequestEvent {
  return event.type === 'image.scored.v1' ? { ...event, data: { ...event.data, pixels: letter.repeat(64) } } : event;
}
