import { describe, expect, it } from 'vitest';
import { everythingGuarded, fullTraffic, ownMetrics } from '#libs/testing/traffic';
import {
  analyse,
  type Analysis,
  canDecide,
  changedMetrics,
  decodeEvidence,
  encodeEvidence,
  type EncodedEvidence,
  type Evidence,
  type EvidenceDesign,
  evidenceDesign,
  foldEvent,
  initialEvidence,
  judgeAnew,
  mergeEvidence,
  type MetricChange,
  metricCatalogue,
  type MetricDefinition,
  type ObservedEvent,
  type ObservedTopic,
  OBSERVED_TOPICS,
  type UnitChanges,
} from '../index.js';

const guardable = [
  ...metricCatalogue.filter(({ kind }) => canDecide(kind)).map(({ name }) => name),
  ...ownMetrics.map(({ name }) => name),
];
const watchable = metricCatalogue.filter(({ kind }) => !canDecide(kind)).map(({ name }) => name);
const EVENTS = fullTraffic({ seed: 3, requests: 900, users: 260, candidate: { alignment: 0.29, preferred: 0.7 } });
const CUT = Math.floor(EVENTS.length / 2);

type Parts = ReadonlyMap<ObservedTopic, Evidence>;

function designBy(catalogue: readonly MetricDefinition[], unit: 'user' | 'request' = 'user'): EvidenceDesign {
  return evidenceDesign(everythingGuarded(guardable, watchable, { unit, baselineUnits: 20 }), 1, catalogue);
}

function watchedDesign(watched: readonly string[]): EvidenceDesign {
  return evidenceDesign(everythingGuarded(guardable, watched, { baselineUnits: 20 }), 1);
}

/** Those for which the evidence keeps what had been seen before them. */
function metricsThatCameLater(parts: Parts): readonly string[] {
  return [...parts.values()].flatMap(({ seenBefore }) => [...seenBefore.keys()]);
}

/** One part per topic, as an analyzer of one partition has them. */
function emptyParts(design: EvidenceDesign): Parts {
  return new Map(OBSERVED_TOPICS.map((topic) => [topic, initialEvidence(design, topic)]));
}

function fold(parts: Parts, design: EvidenceDesign, events: readonly ObservedEvent[]): void {
  for (const event of events) foldEvent(parts.get(event.type) as Evidence, design, event);
}

interface Stored {
  readonly json: string;
  readonly units: readonly UnitChanges[];
}

function store(parts: Parts): ReadonlyMap<ObservedTopic, Stored> {
  return new Map(
    [...parts].map(([topic, evidence]) => [
      topic,
      { json: JSON.stringify(encodeEvidence(evidence)), units: [evidence.units.takeChanges()] },
    ]),
  );
}

function restore(stored: ReadonlyMap<ObservedTopic, Stored>, design: EvidenceDesign) {
  const changes = new Map<string, MetricChange>();
  const parts = new Map(
    [...stored].map(([topic, { json, units }]) => [
      topic,
      decodeEvidence(design, JSON.parse(json) as EncodedEvidence, units, (change) =>
        changes.set(change.metric, change),
      ),
    ]),
  );
  return { parts, changes: [...changes.values()] };
}

function analysisOf(parts: Parts, design: EvidenceDesign): Analysis {
  return analyse(
    [...parts.values()].reduce((a, b) => mergeEvidence(a, b)),
    design,
    0,
  );
}

/** What is said of each metric but those left out, whatever their order. */
function statements({ metrics }: Analysis, without: readonly string[] = []) {
  return metrics
    .filter(({ metric }) => !without.includes(metric))
    .sort((a, b) => (a.metric < b.metric ? -1 : a.metric > b.metric ? 1 : 0));
}

/** What is kept of each metric but those left out. */
function states(parts: Parts, without: readonly string[] = []) {
  return [...parts.values()].map((evidence) =>
    encodeEvidence(evidence).pairs.map(([candidate, { metrics, heads }]) => ({
      candidate,
      metrics: metrics.filter(([name]) => !without.includes(name)),
      heads,
    })),
  );
}

/** Folds half of the events by today's catalogue, stores, and goes on with the rest by another one. */
function goOn(catalogue: readonly MetricDefinition[], unit: 'user' | 'request' = 'user') {
  const today = designBy(metricCatalogue, unit);
  const tomorrow = designBy(catalogue, unit);
  const uninterrupted = emptyParts(today);
  fold(uninterrupted, today, EVENTS.slice(0, CUT));
  const { parts, changes } = restore(store(uninterrupted), tomorrow);
  const before = { stored: states(uninterrupted), restored: states(parts) };
  fold(uninterrupted, today, EVENTS.slice(CUT));
  fold(parts, tomorrow, EVENTS.slice(CUT));
  return { today, tomorrow, uninterrupted, parts, changes, before };
}

function named(name: string): MetricDefinition {
  return metricCatalogue.find((metric) => metric.name === name) as MetricDefinition;
}

function replaced(name: string, by: readonly MetricDefinition[]): readonly MetricDefinition[] {
  return metricCatalogue.flatMap((metric) => (metric.name === name ? by : [metric]));
}

describe('evidence that is restored under another catalogue', () => {
  it.each(['user', 'request'] as const)(
    'reads every metric right when all entries change places (unit: %s)',
    (unit) => {
      const { today, tomorrow, uninterrupted, parts, changes, before } = goOn(metricCatalogue.toReversed(), unit);
      expect(changes).toEqual([]);
      // The values that several tails show are kept by another one of them now; nothing else has moved.
      const tails = [
        'latency-p50',
        'latency-p99',
        'inference-latency-p50',
        'inference-latency-p99',
        'embedding-shift',
        'diversity',
      ];
      expect(states(parts, tails)).toEqual(states(uninterrupted, tails));
      expect(JSON.stringify(before.restored).length).toBe(JSON.stringify(before.stored).length);
      expect(statements(analysisOf(parts, tomorrow))).toEqual(statements(analysisOf(uninterrupted, today)));
    },
  );

  it('leaves all others as they are, bit for bit, when one is inserted', () => {
    const added = { ...named('timeout-rate'), name: 'new-rate' };
    const { today, tomorrow, uninterrupted, parts, changes } = goOn([added, ...metricCatalogue]);
    expect(changes).toEqual([{ metric: 'new-rate', what: 'added' }]);
    expect(states(parts, ['new-rate'])).toEqual(states(uninterrupted));
    expect(statements(analysisOf(parts, tomorrow), ['new-rate'])).toEqual(statements(analysisOf(uninterrupted, today)));
  });

  it('counts for a new metric only the units that had not been seen before', () => {
    const added = { ...named('error-rate'), name: 'new-rate' };
    const { tomorrow, parts } = goOn([added, ...metricCatalogue]);
    const routed = (from: number, to: number) =>
      EVENTS.slice(from, to).flatMap(({ type, data }) =>
        type === 'request.routed.v1' && 'assignment' in data ? [data.assignment?.unit ?? ''] : [],
      );
    const old = new Set(routed(0, CUT));
    const later = new Set(routed(CUT, EVENTS.length).filter((unit) => !old.has(unit)));
    const statement = analysisOf(parts, tomorrow).metrics.find(({ metric }) => metric === 'new-rate');
    expect(later.size).toBeGreaterThan(5);
    expect((statement?.n.control.units ?? 0) + (statement?.n.candidate.units ?? 0)).toBe(later.size);
  });

  it('takes the shares of a new incidence from the units that came since', () => {
    const { tomorrow, parts } = goOn([...metricCatalogue, { ...named('download-rate'), name: 'new-incidence' }]);
    const { metrics } = analysisOf(parts, tomorrow);
    const [old, fresh] = ['download-rate', 'new-incidence'].map((name) =>
      metrics.find(({ metric }) => metric === name),
    );
    expect(fresh?.n.control.units).toBeLessThan((old?.n.control.units ?? 0) / 2);
  });

  it('leaves all others as they are, bit for bit, when one is removed, also one that keeps their values', () => {
    for (const gone of ['error-rate', 'latency-p50', 'gpu-seconds-per-image', 'embedding-shift']) {
      const { today, tomorrow, uninterrupted, parts, changes } = goOn(replaced(gone, []));
      expect(changes).toEqual([{ metric: gone, what: 'removed' }]);
      expect(statements(analysisOf(parts, tomorrow))).toEqual(statements(analysisOf(uninterrupted, today), [gone]));
    }
  });

  it('starts a metric afresh whose tuning or kind has changed, and no other', () => {
    const changed: readonly MetricDefinition[] = [
      { ...named('latency-p95'), level: 0.9 } as MetricDefinition,
      { ...named('alignment'), cap: { kind: 'fixed', lo: 0, hi: 1 } } as MetricDefinition,
      { ...named('gpu-utilisation'), direction: 'lower' } as MetricDefinition,
      { ...named('blank-rate'), kind: 'incidence' } as MetricDefinition,
      // The same numbers in seconds and in milliseconds are no one metric.
      { ...named('gpu-seconds-per-image'), unit: 'milliseconds' } as MetricDefinition,
      { ...named('alignment'), reads: 'another field' } as MetricDefinition,
      { ...named('blank-rate'), topic: 'feedback.recorded.v1', observe: () => null } as MetricDefinition,
      { ...named('gpu-utilisation'), lateData: 'first-only' } as MetricDefinition,
    ];
    for (const definition of changed) {
      const { name } = definition;
      const { uninterrupted, parts, changes, before } = goOn(replaced(name, [definition]));
      expect(changes).toEqual([{ metric: name, what: 'changed' }]);
      expect(states(parts, [name])).toEqual(states(uninterrupted, [name]));
      const kept = before.restored.flat().flatMap(({ metrics }) => metrics.filter(([metric]) => metric === name));
      expect(kept).toEqual([]);
    }
  });

  it('starts a metric afresh that nobody collected so far', () => {
    const [shift, ...others] = watchable as [string, ...string[]];
    const today = watchedDesign(others);
    const parts = emptyParts(today);
    fold(parts, today, EVENTS.slice(0, CUT));
    const { changes } = restore(store(parts), watchedDesign([shift, ...others]));
    expect(changes).toEqual([{ metric: shift, what: 'changed' }]);
  });

  it('forgets with a metric which units had been seen when it came', () => {
    const { parts } = goOn([...metricCatalogue, { ...named('timeout-rate'), name: 'new-rate' }]);
    expect(new Set(metricsThatCameLater(parts))).toEqual(new Set(['new-rate']));
    const { parts: without, changes } = restore(store(parts), designBy(metricCatalogue));
    expect(changes).toEqual([{ metric: 'new-rate', what: 'removed' }]);
    expect(metricsThatCameLater(without)).toEqual([]);
  });

  it('keeps what does not depend on a margin when the margin changes', () => {
    const today = designBy(metricCatalogue);
    const definition = everythingGuarded(guardable, watchable, { baselineUnits: 20 });
    const guardrails = definition.spec.guardrails.map((rule) => ({ ...rule, margin: { ...rule.margin, value: 0.07 } }));
    const tomorrow = evidenceDesign({ ...definition, spec: { ...definition.spec, guardrails } }, 1);
    const parts = emptyParts(today);
    fold(parts, today, EVENTS.slice(0, CUT));
    const { changes } = restore(store(parts), tomorrow);
    const fresh = changes.map(({ metric }) => metric);
    for (const name of ['alignment', 'latency-p95', 'error-rate', 'gpu-seconds-per-image'])
      expect(fresh).toContain(name);
    for (const name of ['wrong-pictures', 'download-rate', 'preference', 'embedding-shift'])
      expect(fresh).not.toContain(name);
  });

  it('goes on in memory under another policy as after a restart', () => {
    const today = designBy(metricCatalogue);
    const definition = everythingGuarded(guardable, watchable, { baselineUnits: 20 });
    const guardrails = definition.spec.guardrails.map((rule) => ({ ...rule, margin: { ...rule.margin, value: 0.07 } }));
    const tomorrow = evidenceDesign({ ...definition, policy: 1, spec: { ...definition.spec, guardrails } }, 1);
    const parts = emptyParts(today);
    fold(parts, today, EVENTS.slice(0, CUT));
    const restarted = restore(store(parts), tomorrow);
    const changes = new Set<string>();
    const goneOn = new Map(
      [...parts].map(([topic, evidence]) => [
        topic,
        judgeAnew(evidence, tomorrow, ({ metric }) => changes.add(metric)),
      ]),
    );
    expect([...changes]).toEqual(restarted.changes.map(({ metric }) => metric));
    expect([...changes]).toEqual(changedMetrics(today, tomorrow).map(({ metric }) => metric));
    fold(goneOn, tomorrow, EVENTS.slice(CUT));
    fold(restarted.parts, tomorrow, EVENTS.slice(CUT));
    expect(states(goneOn)).toEqual(states(restarted.parts));
    const analysis = analysisOf(goneOn, tomorrow);
    expect(analysis).toEqual(analysisOf(restarted.parts, tomorrow));
    expect(analysis.policy).toBe(1);
    const alignment = analysis.metrics.find(({ metric }) => metric === 'alignment');
    expect(alignment?.n.control.units).toBeGreaterThan(5);
  });

  it('hands the whole memory over after a change, so that the next restart finds it under the new names', () => {
    const added = { ...named('timeout-rate'), name: 'new-rate' };
    const { tomorrow, parts } = goOn([added, ...metricCatalogue]);
    const stored = store(parts);
    const isWhole = [...stored].map(([topic, { units }]) => [topic, units[0]?.replaces]);
    expect(isWhole.filter(([, whole]) => whole)).toEqual([['request.routed.v1', true]]);
    const again = restore(stored, tomorrow);
    expect(again.changes).toEqual([]);
    const [before, after] = [parts, again.parts].map((of) => of.get('request.routed.v1') as Evidence);
    expect(after?.units.everything()).toEqual(before?.units.everything());
    expect(encodeEvidence(after as Evidence)).toEqual(encodeEvidence(before as Evidence));
  });
});
