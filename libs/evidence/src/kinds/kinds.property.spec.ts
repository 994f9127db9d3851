import { experimentAnalysed, type MetricAnalysis } from '#libs/contracts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analysisOf, foldByPartition } from '#libs/testing/traffic';
import { everythingGuarded, fullTraffic, ownMetrics } from '#libs/testing/traffic';
import {
  type Analysis,
  analyse,
  analysisReasons,
  canDecide,
  decodeEvidence,
  encodeEvidence,
  type EncodedEvidence,
  evidenceDesign,
  foldEvent,
  initialEvidence,
  metricCatalogue,
  OBSERVED_TOPICS,
  type ObservedEvent,
} from '../index.js';
import type { PairEvidence } from '../fold/pair-evidence.js';

const deciding = [
  ...metricCatalogue.filter(({ kind }) => canDecide(kind)).map(({ name }) => name),
  'quality.clean',
  ...ownMetrics.map(({ name }) => name),
];
const watched = metricCatalogue.filter(({ kind }) => !canDecide(kind)).map(({ name }) => name);
const warmUp = { requests: 9, forMs: 60_000 };
const guarded = evidenceDesign(everythingGuarded(deciding, watched, { baselineUnits: 20, warmUp }), 1);
const aimedFor = evidenceDesign(
  everythingGuarded([], watched, { objectives: deciding.map((metric) => ({ metric, weight: 1 })), baselineUnits: 20 }),
  1,
);
/** Only harm has episodes, so that with them it is no mirror image of superiority. */
const mirrorable = evidenceDesign(
  everythingGuarded([], watched, {
    objectives: deciding.map((metric) => ({ metric, weight: 1 })),
    baselineUnits: 20,
    episodes: 'off',
    warmUp,
  }),
  1,
);
const observed = evidenceDesign(everythingGuarded([], []), 1);

/** What can go wrong with a stream, drawn for each test. */
const streams = fc.record({
  seed: fc.integer({ min: 1, max: 1_000 }),
  requests: fc.constantFrom(0, 1, 2, 5, 150, 150),
  share: fc.constantFrom(0.5, 0, 0.05, 1, 0.5),
  users: fc.constantFrom(0, 0, 1, 3),
  rampAt: fc.constantFrom(Infinity, 20),
  values: fc.constantFrom('usual', 'constant', 'zero', 'huge', 'negative'),
  outcome: fc.constantFrom('usual', 'usual', 'timed-out', 'server-error', 'unscored'),
  order: fc.constantFrom('usual', 'reversed', 'twice'),
});

type Stream = typeof streams extends fc.Arbitrary<infer T> ? T : never;

function eventsOf({ values, outcome, order, ...traffic }: Stream): readonly ObservedEvent[] {
  const events = fullTraffic(traffic).map((event) => withOutcome(withValues(event, values), outcome));
  if (order === 'reversed') return events.toReversed();
  return order === 'twice' ? events.flatMap((event) => [event, event]) : events;
}

function withValues(event: ObservedEvent, values: Stream['values']): ObservedEvent {
  if (values === 'usual') return event;
  const value = { constant: 0.25, zero: 0, huge: 1e300, negative: -1e-12 }[values];
  switch (event.type) {
    case 'request.routed.v1':
      return { ...event, data: { ...event.data, durationMs: event.data.durationMs === null ? null : value } };
    case 'generation.completed.v1': {
      const timings = { queueMs: value, inferenceMs: value, totalMs: value };
      const gpu = { seconds: value, utilisation: value, memoryMiB: value };
      const images = value === 0 ? [] : event.data.images;
      return { ...event, data: { ...event.data, timings, gpu, cost: value, images } };
    }
    case 'image.scored.v1':
      return { ...event, data: { ...event.data, alignment: value, quality: { clean: value, sharp: value } } };
    case 'feedback.recorded.v1':
      return { ...event, data: { ...event.data, rating: event.data.rating === null ? null : 3 } };
    case 'preference.judged.v1':
      return { ...event, data: { ...event.data, preferred: 'tie' } };
    default:
      return event satisfies never;
  }
}

function withOutcome(event: ObservedEvent, outcome: Stream['outcome']): ObservedEvent {
  if (event.type === 'request.routed.v1' && (outcome === 'timed-out' || outcome === 'server-error'))
    return { ...event, data: { ...event.data, outcome, durationMs: null } };
  if (event.type === 'image.scored.v1' && outcome === 'unscored')
    return { ...event, data: { ...event.data, outcome: 'unavailable', alignment: null, quality: {}, embedding: null } };
  return event;
}

describe('every kind of metric, whatever comes', () => {
  it('answers with finite numbers, or with a reason', () => {
    const property = fc.property(streams, fc.constantFrom(guarded, aimedFor, observed), (stream, design) => {
      const analysis = analysisOf(design, eventsOf(stream));
      const onTheWire = { ...analysis, analysisId: 'a', analysedAt: '2026-01-01T00:00:00.000Z' };
      expect(experimentAnalysed.parse(JSON.parse(JSON.stringify(onTheWire)))).toEqual(onTheWire);
      for (const metric of analysis.metrics) expectAnswer(metric);
    });
    fc.assert(property, { numRuns: 60, seed: 7 });
  });

  it('continues from a snapshot in mid-stream bit for bit', () => {
    const property = fc.property(streams, fc.integer({ min: 0, max: 100 }), (stream, percent) => {
      const events = eventsOf(stream);
      const cut = Math.floor((events.length * percent) / 100);
      const whole = initialEvidence(guarded);
      for (const event of events) foldEvent(whole, guarded, event);
      let parted = initialEvidence(guarded);
      for (const event of events.slice(0, cut)) foldEvent(parted, guarded, event);
      const written = JSON.stringify(encodeEvidence(parted));
      parted = decodeEvidence(guarded, JSON.parse(written) as EncodedEvidence, [parted.units.takeChanges()]);
      for (const event of events.slice(cut)) foldEvent(parted, guarded, event);
      expect(JSON.stringify(encodeEvidence(parted))).toBe(JSON.stringify(encodeEvidence(whole)));
      expect(analyse(parted, guarded, 0)).toEqual(analyse(whole, guarded, 0));
      expect(parted.units.everything()).toEqual(whole.units.everything());
    });
    fc.assert(property, { numRuns: 25, seed: 8 });
  });

  it('flips with the variants', () => {
    const property = fc.property(fc.integer({ min: 1, max: 1_000 }), (seed) => {
      const events = fullTraffic({ seed, requests: 400, candidate: { latencyFactor: 1.2, downloadShare: 0.4 } });
      const usual = analysisOf(mirrorable, events);
      const mirrored = analysisOf(mirrorable, events.map(swapped));
      for (const metric of usual.metrics) expectMirrored(metric, named(mirrored, metric.metric));
    });
    fc.assert(property, { numRuns: 5, seed: 9 });
  });

  it('says the same of the log whatever the order of its partitions', () => {
    const events = fullTraffic({ requests: 300, users: 40 });
    const byTopic = events.toSorted((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
    expect(foldByPartition(guarded, byTopic, 3).map(encodeEvidence)).toEqual(
      foldByPartition(guarded, events, 3).map(encodeEvidence),
    );
  });
});

describe('what is only observed', () => {
  it('keeps no e-process', () => {
    const events = fullTraffic({ requests: 200 });
    const evidence = initialEvidence(observed);
    for (const event of events) foldEvent(evidence, observed, event);
    const { metrics } = evidence.pairs.get('candidate') as PairEvidence;
    const bets = [...metrics.values()].flatMap((state) => {
      if ('betting' in state)
        return 'levels' in state.betting ? [state.betting.levels.length] : [state.betting.nonInferior.length];
      return 'exceedances' in state ? [state.exceedances.length] : [];
    });
    expect(bets.length).toBeGreaterThan(20);
    expect(new Set(bets)).toEqual(new Set([0]));
  });

  it('remembers at most 64 bytes of a unit and metric', () => {
    for (const topic of OBSERVED_TOPICS) {
      const { bits, numbers } = initialEvidence(guarded, topic).facts.layout;
      expect(8 + 4 * (1 + Math.ceil(bits / 32)) + 8 * numbers).toBeLessThanOrEqual(64);
    }
  });
});

function expectAnswer(metric: MetricAnalysis): void {
  const { metric: name, estimate, interval, lnE, p, missing, reason, budget, burnIn, n } = metric;
  const reasons: readonly string[] = analysisReasons;
  expect(reasons).toContain(reason);
  const numbers = [estimate.control, estimate.candidate, estimate.effect, interval?.low, interval?.high]
    .concat(Object.values(lnE ?? {}), Object.values(p ?? {}), [metric.margin])
    .concat(budget.flatMap((step) => [step.margin, step.lnENonInferior]));
  for (const number of numbers) {
    if (number !== null && number !== undefined && !Number.isFinite(number)) throw new Error(`${name}: ${number}`);
  }
  const nulls = { effect: estimate.effect, interval, evidence: lnE };
  for (const [what, value] of Object.entries(nulls)) {
    const why = missing?.[what as keyof typeof nulls] ?? null;
    expect([name, what, value === null]).toEqual([name, what, why !== null]);
    if (why !== null) expect(reasons).toContain(why);
  }
  if (interval) expect(interval.low).toBeLessThanOrEqual(interval.high);
  expect(burnIn?.done).toBe(Math.min(n.control.units, n.candidate.units) >= (burnIn?.needed ?? 0));
}

/** Effects change their sign on their scale, the variants their estimates; tests that rest on no baseline their answers. */
function expectMirrored(metric: MetricAnalysis, mirrored: MetricAnalysis): void {
  const { metric: name, kind, scale, estimate } = metric;
  // A limit or a line is control's, so the tail's own rate and what rests on it are another quantity from the other side.
  if (kind === 'lower-tail') return;
  if (kind !== 'distribution') {
    expect([name, mirrored.estimate.control]).toEqual([name, close(estimate.candidate)]);
    expect([name, mirrored.estimate.candidate]).toEqual([name, close(estimate.control)]);
  }
  if (estimate.effect === null) expect([name, mirrored.estimate.effect]).toEqual([name, null]);
  else if (kind === 'distribution') expect(mirrored.estimate.effect).toEqual(close(estimate.effect));
  else if (scale === 'relative') expect((mirrored.estimate.effect ?? 9) + 1).toBeCloseTo(1 / (estimate.effect + 1), 8);
  else expect([name, mirrored.estimate.effect]).toEqual([name, close(-estimate.effect)]);
  const superior = metric.lnE?.superior ?? null;
  if (kind === 'rate' && superior !== null) {
    // Harm is a mean of the same test and, with less weight, of the one by later events.
    expect(mirrored.lnE?.harmful).toBeGreaterThan(superior - Math.log(4 / 3) - 1e-9);
  }
  if (kind === 'incidence' || kind === 'preference') {
    expect([name, mirrored.lnE?.harmful ?? null]).toEqual([name, close(superior)]);
  }
}

function close(value: number | null | undefined): unknown {
  return value === null || value === undefined ? null : expect.closeTo(value, 8);
}

function named({ metrics }: Analysis, name: string): MetricAnalysis {
  return metrics.find(({ metric }) => metric === name) as MetricAnalysis;
}

function other(variant: string): string {
  return variant === 'control' ? 'candidate' : 'control';
}

function swapped(event: ObservedEvent): ObservedEvent {
  if (event.type === 'preference.judged.v1') {
    const { left, right } = event.data;
    const data = {
      ...event.data,
      left: { ...left, variant: other(left.variant) },
      right: { ...right, variant: other(right.variant) },
    };
    return { ...event, data };
  }
  const { assignment } = event.data;
  const drawn = assignment && { ...assignment, variant: other(assignment.variant) };
  return { ...event, data: { ...event.data, assignment: drawn } } as ObservedEvent;
}
