import { experimentAnalysed, type ExperimentDefined, type MetricAnalysis } from '#libs/contracts';
import { describe, expect, it } from 'vitest';
import { type Behaviour, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { analyse, type Analysis } from './analysis/analyse.js';
import { decodeEvidence, encodeEvidence, type EncodedEvidence } from './snapshot/evidence-codec.js';
import { type EvidenceDesign, evidenceDesign } from './catalogue/evidence-design.js';
import { type Evidence, initialEvidence, mergeEvidence } from './fold/evidence.js';
import { foldEvent } from './fold/fold-event.js';
import type { RequestEvent } from './fold/observe-metrics.js';
import { analysisReasons } from './analysis/reasons.js';
import { memoryKey } from './fold/memory-key.js';

const PARTITIONS = 3;

interface Play {
  readonly requests?: number;
  readonly share?: number;
  readonly seed?: number;
  readonly control?: Behaviour;
  readonly candidate?: Behaviour;
  readonly spec?: Partial<ExperimentDefined['spec']>;
  readonly users?: number;
  readonly change?: (event: RequestEvent) => RequestEvent;
}

function play({
  requests = 3_000,
  share = 0.5,
  seed = 1,
  control = {},
  candidate = {},
  spec,
  users = 0,
  change,
}: Play) {
  const design = evidenceDesign(definition(spec), PARTITIONS);
  const traffic = new SimulatedTraffic(seed, { control, candidate }, 100, users);
  traffic.candidateShare = share;
  const events: RequestEvent[] = [];
  for (let i = 0; i < requests; i++) events.push(...traffic.next());
  return { design, events: change ? events.map(change) : events };
}

function foldByPartition(design: EvidenceDesign, events: readonly RequestEvent[]): Evidence[] {
  const parts = new Map<string, Evidence>();
  for (const event of events) {
    const part = `${event.type}/${memoryKey(event.subject) % PARTITIONS}`;
    const evidence = parts.get(part) ?? initialEvidence(design);
    parts.set(part, evidence);
    foldEvent(evidence, design, event);
  }
  return [...parts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, evidence]) => evidence);
}

function merged(parts: readonly Evidence[]): Evidence {
  return parts.reduce((a, b) => mergeEvidence(a, b));
}

function analysisOf(options: Play): Analysis {
  const { design, events } = play(options);
  return analyse(merged(foldByPartition(design, events)), design, Date.parse(events.at(-1)?.time ?? ''));
}

function metric(analysis: Analysis, name: string): MetricAnalysis {
  return analysis.metrics.find((candidate) => candidate.metric === name) as MetricAnalysis;
}

describe('verdicts', () => {
  it('finds each fault by its own metric', () => {
    const faults: readonly (readonly [string, Behaviour])[] = [
      ['error-rate', { errorRate: 0.1 }],
      ['latency-p95', { latencyFactor: 2 }],
      ['alignment', { alignment: 0.27 }],
      ['wrong-pictures', { wrongShare: 0.1 }],
      ['cost-per-image', { costFactor: 1.3 }],
    ];
    for (const [name, candidate] of faults) {
      expect(metric(analysisOf({ candidate }), name)).toMatchObject({
        verdict: 'harmful',
        reason: 'worse-than-margin',
      });
    }
  });

  it('proves an identical candidate non-inferior, and a cheaper one superior', () => {
    const analysis = analysisOf({ requests: 30_000, candidate: { costFactor: 0.8 } });
    for (const name of ['error-rate', 'latency-p95', 'alignment', 'wrong-pictures']) {
      expect(metric(analysis, name)).toMatchObject({ verdict: 'non-inferior', reason: 'within-margin' });
    }
    expect(metric(analysis, 'cost-per-image')).toMatchObject({ verdict: 'superior', reason: 'better-than-control' });
  });

  it('says a budget of small shares is proven long before the margin itself', () => {
    const { budget, margin, verdict } = metric(analysisOf({ requests: 8_000, share: 0.05 }), 'alignment');
    expect(budget.map(({ sharePpm }) => sharePpm)).toEqual([20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000]);
    expect(budget[0]?.nonInferior).toBe(true);
    expect(budget.at(-1)?.nonInferior).toBe(false);
    expect(budget.at(-1)?.margin).toBeCloseTo(margin ?? 0, 12);
    expect(verdict).toBe('undecided');
    const evidence = budget.map(({ lnENonInferior }) => lnENonInferior);
    expect(evidence).toEqual(evidence.toSorted((a, b) => b - a));
  });

  it('takes one failure for no failure rate, however unlikely it is at a small share, and two for one', () => {
    expect(withFailures(1)).toMatchObject({ verdict: 'undecided' });
    // The one failure is a bad event as well, and by itself can't be more than e² against one, with a weight of a quarter.
    expect(withFailures(1).lnE?.harmful).toBeLessThan(1);
    expect(withFailures(2)).toMatchObject({ verdict: 'harmful' });
  });

  it('moves the boundary of harm to zero where any harm rolls back', () => {
    const candidate = { errorRate: 0.06 };
    expect(metric(analysisOf({ candidate, spec: guardedErrors('beyond-margin') }), 'error-rate').verdict).toBe(
      'non-inferior',
    );
    expect(metric(analysisOf({ candidate, spec: guardedErrors('any-harm') }), 'error-rate').verdict).toBe('harmful');
  });

  it('judges rates at a relative margin, and latencies at an absolute one', () => {
    const spec: Partial<ExperimentDefined['spec']> = {
      guardrails: [
        { metric: 'error-rate', margin: { kind: 'relative', value: 1 }, rollbackOn: 'beyond-margin' },
        { metric: 'latency-p95', margin: { kind: 'absolute', value: 200 }, rollbackOn: 'beyond-margin' },
      ],
    };
    const bad = analysisOf({ spec, requests: 8_000, candidate: { errorRate: 0.06, latencyFactor: 1.4 } });
    expect(metric(bad, 'error-rate').verdict).toBe('harmful');
    expect(metric(bad, 'latency-p95')).toMatchObject({ verdict: 'harmful', margin: 200 });
    const good = analysisOf({ spec, requests: 12_000 });
    expect(metric(good, 'error-rate').verdict).toBe('non-inferior');
    expect(metric(good, 'latency-p95').verdict).toBe('non-inferior');
  });

  it('estimates the effect with an interval around it', () => {
    const analysis = analysisOf({
      requests: 12_000,
      candidate: { alignment: 0.29, latencyFactor: 1.3, wrongShare: 0.04 },
    });
    const truths = {
      alignment: [-0.01 - 0.04 * 0.11, 0.003],
      'latency-p95': [0.3, 0.08],
      'error-rate': [0, 0.005],
    } as const;
    for (const [name, [truth, tolerance]] of Object.entries(truths)) {
      const { estimate, interval } = metric(analysis, name);
      expect(Math.abs((estimate.effect ?? 9) - truth)).toBeLessThan(tolerance);
      expect(interval?.low).toBeLessThan(truth);
      expect(interval?.high).toBeGreaterThan(truth);
    }
    expect(metric(analysis, 'wrong-pictures').interval?.low).toBeGreaterThan(0);
  });

  it('only shows what the experiment does not test', () => {
    const quality = metric(analysisOf({}), 'quality');
    expect(quality).toMatchObject({
      role: 'observed',
      verdict: 'undecided',
      reason: 'only-observed',
      lnE: null,
      budget: [],
    });
    expect(quality.estimate.control).toBeCloseTo(0.95, 2);
  });

  it('judges an objective without a guardrail at no margin', () => {
    const spec: Partial<ExperimentDefined['spec']> = {
      guardrails: [],
      objectives: [{ metric: 'alignment', weight: 1 }],
    };
    const better = metric(analysisOf({ spec, requests: 6_000, candidate: { alignment: 0.315 } }), 'alignment');
    expect(better).toMatchObject({ role: 'objective', verdict: 'superior', margin: 0 });
  });
});

describe('answers without an answer', () => {
  it('has a reason for every metric before any event', () => {
    const design = evidenceDesign(definition(), 1);
    const analysis = analyse(initialEvidence(design), design, 0);
    for (const { role, kind, verdict, reason, missing, estimate, interval, lnE } of analysis.metrics) {
      const unasked = ['shift', 'distribution', 'diversity'].includes(kind ?? '') ? 'not-watched' : 'only-observed';
      const expected = role === 'observed' ? unasked : 'no-data';
      expect([verdict, reason, missing?.evidence]).toEqual(['undecided', expected, expected]);
      expect(missing?.effect).toBe(unasked === 'not-watched' ? unasked : 'no-data');
      expect([estimate.control, estimate.candidate, estimate.effect, interval, lnE]).toEqual([
        null,
        null,
        null,
        null,
        null,
      ]);
    }
    expect(analysis.health.staleness.status).toBe('no-traffic');
    expect(analysis.health.srm.status).toBe('not-enough-data');
    expect(analysis.newestEventAt).toBeNull();
  });

  it('collects a baseline before it judges a mean', () => {
    const analysis = analysisOf({ requests: 60 });
    expect(metric(analysis, 'alignment')).toMatchObject({
      verdict: 'undecided',
      reason: 'baseline',
      margin: null,
      lnE: null,
    });
  });

  it('stays finite for control alone, for constant values, and for requests that all time out', () => {
    const situations: readonly Play[] = [
      { share: 0 },
      { share: 1 },
      { requests: 1 },
      { control: { alignmentSpread: 0 }, candidate: { alignmentSpread: 0 } },
      {
        change: (event) =>
          event.type === 'request.routed.v1'
            ? { ...event, data: { ...event.data, outcome: 'timed-out', durationMs: null } }
            : event,
      },
      {
        change: (event) =>
          event.type === 'generation.completed.v1' ? { ...event, data: { ...event.data, cost: 0.002 } } : event,
      },
    ];
    for (const situation of situations) {
      const analysis = analysisOf(situation);
      expect(() => experimentAnalysed.parse(onTheWire(analysis))).not.toThrow();
      for (const { reason } of analysis.metrics) expect(analysisReasons).toContain(reason);
      expect(JSON.stringify(analysis)).not.toMatch(/NaN|Infinity/);
    }
  });

  it('says so when control itself never ends', () => {
    const analysis = analysisOf({
      change: (event) =>
        event.type === 'request.routed.v1'
          ? { ...event, data: { ...event.data, outcome: 'timed-out', durationMs: null } }
          : event,
    });
    expect(metric(analysis, 'latency-p95')).toMatchObject({ verdict: 'unmeasurable', reason: 'control-tail-infinite' });
  });

  it('does not compare the scores of two scorers', () => {
    let scores = 0;
    const analysis = analysisOf({
      change: (event) => {
        if (event.type !== 'image.scored.v1' || ++scores < 1_500) return event;
        return { ...event, data: { ...event.data, identity: { ...event.data.identity, digest: 'f'.repeat(64) } } };
      },
    });
    expect(metric(analysis, 'alignment')).toMatchObject({ verdict: 'unmeasurable', reason: 'scorer-changed' });
    expect(metric(analysis, 'error-rate').reason).not.toBe('scorer-changed');
  });

  it('finds a fixed price worse though its values never vary', () => {
    const analysis = analysisOf({
      requests: 1_500,
      change: (event) =>
        event.type === 'generation.completed.v1'
          ? { ...event, data: { ...event.data, cost: event.data.assignment?.variant === 'candidate' ? 0.0023 : 0.002 } }
          : event,
    });
    expect(metric(analysis, 'cost-per-image').verdict).toBe('harmful');
  });
});

describe('which events count', () => {
  it('counts what comes twice once', () => {
    // Without episodes, whose length is counted in events: repeated ones move where they end.
    const { design, events } = play({ users: 500, spec: { episodes: 'off' } });
    const once = foldByPartition(design, events);
    const twice = foldByPartition(
      design,
      events.flatMap((event) => [event, event]),
    );
    const verdicts = (parts: readonly Evidence[]) =>
      analyse(merged(parts), design, 0).metrics.map(({ kind, lnE, budget, estimate }) => ({
        lnE: lnE && { nonInferior: lnE.nonInferior, superior: lnE.superior },
        budget,
        // The value that makes a limit is not compared with it; its repetition is, and all values are shown.
        estimate: kind === 'lower-tail' ? null : estimate,
      }));
    expect(rounded(verdicts(twice))).toEqual(rounded(verdicts(once)));
    const harm = (parts: readonly Evidence[]) =>
      analyse(merged(parts), design, 0).metrics.map(({ lnE }) => lnE?.harmful ?? 0);
    // What a margin allows control is counted by its good events: where they come twice harm is found later, never sooner.
    const before = harm(once);
    harm(twice).forEach((lnE, index) => expect(lnE).toBeLessThanOrEqual((before[index] as number) + 1e-9));
    expect(analyse(merged(twice), design, 0).units).toEqual(analyse(merged(once), design, 0).units);
  });

  it('judges returning users by their first observation only', () => {
    const analysis = analysisOf({ requests: 20_000, users: 300 });
    const { n } = metric(analysis, 'alignment');
    expect(n.control.units + n.candidate.units).toBeLessThanOrEqual(300);
    expect(n.control.events + n.candidate.events).toBeGreaterThan(15_000);
    expect(metric(analysis, 'alignment').verdict).toBe('undecided');
    expect(analysis.unitsInStage).toBe(300);
  });

  it('ignores a stage that the ramp does not have, which would make all that follows late', () => {
    const { design, events } = play({ requests: 300 });
    const analysisWith = (strays: readonly RequestEvent[]): Analysis =>
      analyse(merged(foldByPartition(design, [...strays, ...events])), design, 0);
    for (const stage of [design.stageCount, Number.MAX_SAFE_INTEGER]) {
      const strays = events.slice(0, 40).map((event): RequestEvent => {
        const { assignment } = event.data;
        const impossible = { ...assignment, stage, epoch: Number.MAX_SAFE_INTEGER };
        return { ...event, data: { ...event.data, assignment: impossible } } as RequestEvent;
      });
      expect(analysisWith(strays)).toEqual(analysisWith([]));
    }
    expect(metric(analysisWith([]), 'queue-time-p95').n.control.units).toBeGreaterThan(100);
  });

  it('ignores other experiments and revisions, traffic without experiment, and shadow traffic without a pair', () => {
    const { design, events } = play({ requests: 5 });
    const strangers = events.flatMap((event): RequestEvent[] => {
      const { assignment } = event.data;
      const withAssignment = (changed: typeof assignment): RequestEvent =>
        ({ ...event, data: { ...event.data, assignment: changed } }) as RequestEvent;
      return [
        withAssignment(null),
        withAssignment(assignment && { ...assignment, experiment: 'other' }),
        withAssignment(assignment && { ...assignment, revision: 2 }),
        ...(event.type === 'generation.completed.v1' ? [{ ...event, data: { ...event.data, shadow: true } }] : []),
      ];
    });
    const evidence = initialEvidence(design);
    expect(strangers.map((event) => foldEvent(evidence, design, event))).not.toContain(true);
    expect(encodeEvidence(evidence)).toEqual(encodeEvidence(initialEvidence(design)));
  });

  it('counts requests that were not drawn at random as requests and nothing else', () => {
    const analysis = analysisOf({
      requests: 200,
      change: (event) =>
        ({
          ...event,
          data: {
            ...event.data,
            assignment: event.data.assignment && { ...event.data.assignment, reason: 'FAIL_SAFE' },
          },
        }) as RequestEvent,
    });
    expect((analysis.requests['control'] ?? 0) + (analysis.requests['candidate'] ?? 0)).toBe(200);
    expect(analysis.units).toEqual({ control: 0, candidate: 0 });
    expect(metric(analysis, 'error-rate').reason).toBe('no-data');
  });
});

describe('health', () => {
  it('is fine in good traffic', () => {
    const { health } = analysisOf({ requests: 5_000 });
    expect([health.srm.status, health.coverage.status, health.staleness.status]).toEqual(['ok', 'ok', 'ok']);
    expect(health.coverage.byVariant['control']).toBeGreaterThan(0.99);
  });

  it('sees units that are missing from one variant', () => {
    const { design, events } = play({ requests: 5_000 });
    const kept = events.filter(
      ({ data }) => !(data.assignment?.variant === 'candidate' && memoryKey(data.assignment.unit) % 5 === 0),
    );
    const { health } = analyse(merged(foldByPartition(design, kept)), design, 0);
    expect(health.srm.status).toBe('mismatch');
  });

  it('sees pictures that get no score in one variant, also at a share of 5 %', () => {
    const { health } = analysisOf({ requests: 8_000, share: 0.05, candidate: { coverage: 0.7 } });
    expect(health.coverage.status).toBe('gap');
    expect(health.coverage.byVariant['candidate']).toBeCloseTo(0.7, 1);
  });

  it('does not mind a scorer that samples both variants alike', () => {
    const { health } = analysisOf({ requests: 8_000, control: { coverage: 0.3 }, candidate: { coverage: 0.3 } });
    expect(health.coverage.status).toBe('ok');
  });

  it('hears which source fell silent', () => {
    const { design, events } = play({ requests: 4_000 });
    const until = (topic: string, count: number) => events.filter(({ type }, index) => type !== topic || index < count);
    const statusOf = (kept: readonly RequestEvent[], lateMs = 0) =>
      analyse(merged(foldByPartition(design, kept)), design, Date.parse(events.at(-1)?.time ?? '') + lateMs).health
        .staleness.status;
    expect(statusOf(until('image.scored.v1', 3_000))).toBe('scores-silent');
    expect(statusOf(until('generation.completed.v1', 3_000))).toBe('telemetry-silent');
    expect(statusOf(until('image.scored.v1', 0))).toBe('scores-silent');
    expect(statusOf(events)).toBe('ok');
    expect(statusOf(events, 60_000)).toBe('no-traffic');
    // After an hour without traffic the scorer owes nothing yet.
    const hourLater = events.map((event) => ({
      ...event,
      time: new Date(Date.parse(event.time) + 3_600_000).toISOString(),
    }));
    const awake = [
      ...events,
      ...hourLater.filter(({ type }) => type !== 'image.scored.v1').slice(0, 600),
    ] as RequestEvent[];
    expect(statusOf(awake, 3_600_000 - 35_000)).toBe('ok');
  });
});

describe('evidence as a monoid over the log', () => {
  it('merges in any order, with the empty evidence as neutral element', () => {
    const { design, events } = play({ requests: 2_000 });
    const parts = foldByPartition(design, events);
    const forward = analyse(merged(parts), design, 0);
    const backward = analyse(merged(parts.toReversed()), design, 0);
    expect(rounded(backward)).toEqual(rounded(forward));
    const withNothing = analyse(mergeEvidence(merged(parts), initialEvidence(design)), design, 0);
    expect(withNothing).toEqual(forward);
    const [first, ...others] = parts as [Evidence, ...Evidence[]];
    expect(rounded(analyse(mergeEvidence(first, merged(others)), design, 0))).toEqual(rounded(forward));
  });

  it('continues from a snapshot, wherever it was cut, bit for bit as if nothing had happened', () => {
    for (const unit of ['user', 'request'] as const) {
      const { design, events } = play({ requests: 6_000, users: unit === 'user' ? 700 : 0, spec: { unit } });
      const uninterrupted = initialEvidence(design);
      for (const event of events) foldEvent(uninterrupted, design, event);

      let evidence = initialEvidence(design);
      let units = [evidence.units.everything()];
      for (const [index, event] of events.entries()) {
        foldEvent(evidence, design, event);
        if (index % 997 !== 500) continue;
        // Every other snapshot is followed by a crash.
        units = [...units, evidence.units.takeChanges()];
        const written = JSON.stringify(encodeEvidence(evidence));
        if (index % 2 === 0) evidence = decodeEvidence(design, JSON.parse(written) as EncodedEvidence, units);
      }
      expect(JSON.stringify(encodeEvidence(evidence))).toBe(JSON.stringify(encodeEvidence(uninterrupted)));
      expect(evidence.units.everything()).toEqual(uninterrupted.units.everything());
      expect(analyse(evidence, design, 0)).toEqual(analyse(uninterrupted, design, 0));
    }
  });

  it('does not care how the partitions were interleaved', () => {
    const { design, events } = play({ requests: 2_000 });
    const byTopic = events.toSorted((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
    expect(foldByPartition(design, byTopic).map(encodeEvidence)).toEqual(
      foldByPartition(design, events).map(encodeEvidence),
    );
  });

  it('refuses a snapshot of another layout', () => {
    const design = evidenceDesign(definition(), 1);
    const encoded = { ...encodeEvidence(initialEvidence(design)), layout: 'another' };
    expect(() => decodeEvidence(design, encoded, [])).toThrow('fold it again');
  });

  it('flips with the variants', () => {
    const { design, events } = play({ requests: 6_000, candidate: { errorRate: 0.05, alignment: 0.31 } });
    const swapped = events.map((event) => {
      const { assignment } = event.data;
      const variant = assignment?.variant === 'control' ? 'candidate' : 'control';
      return {
        ...event,
        data: { ...event.data, assignment: assignment && { ...assignment, variant } },
      } as RequestEvent;
    });
    const usual = analyse(merged(foldByPartition(design, events)), design, 0);
    const mirrored = analyse(merged(foldByPartition(design, swapped)), design, 0);
    for (const name of ['error-rate', 'alignment']) {
      const effect = metric(usual, name).estimate.effect as number;
      expect(metric(mirrored, name).estimate.effect).toBeCloseTo(-effect, 10);
    }
    expect(metric(usual, 'error-rate').verdict).toBe('harmful');
    expect(metric(mirrored, 'error-rate').verdict).toBe('superior');
  });
});

describe('more than two variants', () => {
  it('judges each candidate against control with the propensity within the pair', () => {
    const spec = definition().spec;
    const both = definition({ kind: 'ab', variants: { ...spec.variants, other: spec.variants['candidate'] as never } });
    const design = evidenceDesign(both, 1);
    const { events } = play({ requests: 9_000 });
    const evidence = initialEvidence(design);
    for (const event of events) {
      const assignment = event.data.assignment as NonNullable<typeof event.data.assignment>;
      const isOther = assignment.variant === 'candidate' && memoryKey(assignment.unit) % 2 === 0;
      const weightsPpm = { control: 500_000, candidate: 250_000, other: 250_000 };
      const data = {
        ...event.data,
        assignment: { ...assignment, weightsPpm, variant: isOther ? 'other' : assignment.variant },
      };
      if (event.type === 'request.routed.v1' && isOther) (data as { outcome: string }).outcome = 'server-error';
      foldEvent(evidence, design, { ...event, data } as RequestEvent);
    }
    const errors = analyse(evidence, design, 0).metrics.filter((of) => of.metric === 'error-rate');
    expect(errors.map(({ candidate, verdict }) => [candidate, verdict])).toEqual([
      ['candidate', 'undecided'],
      ['other', 'harmful'],
    ]);
    expect(errors[0]?.estimate.effect).toBeCloseTo(0, 1);
  });
});

/** Of an experiment at a share of 1 % in which nothing failed but the candidate's first requests. */
function withFailures(failures: number): MetricAnalysis {
  let left = failures;
  const change = (event: RequestEvent): RequestEvent => {
    if (event.type !== 'request.routed.v1' || event.data.assignment?.variant !== 'candidate') return event;
    left -= 1;
    return left < 0 ? event : ({ ...event, data: { ...event.data, outcome: 'server-error' } } as RequestEvent);
  };
  const healthy = { errorRate: 0 };
  return metric(analysisOf({ requests: 300, share: 0.01, control: healthy, candidate: healthy, change }), 'error-rate');
}

function guardedErrors(rollbackOn: 'any-harm' | 'beyond-margin'): Partial<ExperimentDefined['spec']> {
  return { guardrails: [{ metric: 'error-rate', margin: { kind: 'absolute', value: 0.2 }, rollbackOn }] };
}

function onTheWire(analysis: Analysis) {
  return { ...analysis, analysisId: 'a', analysedAt: '2026-01-01T00:00:00.000Z' };
}

/** To nine digits: sums in another order round differently. */
function rounded(analysis: unknown): unknown {
  return JSON.parse(
    JSON.stringify(analysis, (_key, value: unknown) =>
      typeof value === 'number' ? Number(value.toPrecision(9)) : value,
    ),
  );
}
