import { describe, expect, it } from 'vitest';
import type { Guardrail, TeststripEvent } from '#libs/contracts';
import { analysisOf, definition, foldByPartition, SimulatedTraffic } from '#libs/testing/traffic';
import { evidenceDesign } from '../catalogue/evidence-design.js';
import { mergeEvidence } from '../fold/evidence.js';
import type { RequestEvent } from '../fold/observe-metrics.js';
import { decodeReports, encodeReports, REPORTED_FIELDS } from '../fold/reports.js';

type Generation = TeststripEvent<'generation.completed.v1'>['data'];

const guard = (metric: string): Guardrail => ({
  metric,
  margin: { kind: 'relative', value: 0.1 },
  rollbackOn: 'beyond-margin',
});
const guardrails = ['inference-latency-p95', 'cost-per-image', 'gpu-seconds', 'gpu-memory'].map(guard);
const design = evidenceDesign(definition({ guardrails }), 2);

interface Story {
  readonly requests?: number;
  readonly perSecond?: number;
  /** The candidate's real latency, as a multiple of control's. */
  readonly latencyFactor?: number;
  /** What a service says instead of the truth, by the request's number. */
  readonly reported?: (data: Generation, isCandidate: boolean, request: number) => Partial<Generation>;
  readonly change?: (event: RequestEvent, request: number) => RequestEvent;
}

function eventsOf({
  requests = 400,
  perSecond = 20,
  latencyFactor = 1,
  reported,
  change = (event) => event,
}: Story): RequestEvent[] {
  const traffic = new SimulatedTraffic(11, { candidate: { latencyFactor } }, perSecond);
  traffic.candidateShare = 0.3;
  return Array.from({ length: requests }, (_, index) =>
    traffic.next().map((event) => {
      if (event.type !== 'generation.completed.v1' || reported === undefined) return change(event, index);
      const { data } = event;
      const changes = reported(data, data.assignment?.variant === 'candidate', index);
      return { ...event, data: { ...data, ...changes } };
    }),
  ).flat();
}

function consistencyOf(story: Story) {
  const { health, metrics } = analysisOf(design, eventsOf(story), 2);
  return {
    status: health.consistency?.status,
    findings: health.consistency?.findings ?? [],
    verdictOf: (metric: string) => {
      const found = metrics.find((one) => one.metric === metric);
      return [found?.verdict, found?.reason];
    },
  };
}

const inSeconds = ({ timings }: Generation): Generation['timings'] => ({
  queueMs: (timings.queueMs ?? 0) / 1000,
  inferenceMs: (timings.inferenceMs ?? 0) / 1000,
  totalMs: (timings.totalMs ?? 0) / 1000,
});

const secondsBetween = (first: number, last: number): Story => ({
  requests: 1_400,
  reported: (data, isCandidate, request) =>
    isCandidate && request >= first && request < last ? { timings: inSeconds(data) } : {},
});

const oftenFree = ({ cost }: Generation, request: number) => ({ cost: request % 3 === 0 ? cost : 0 });

const told = (fingerprint: (isCandidate: boolean, request: number) => string | null) =>
  consistencyOf({ reported: (_data, isCandidate, request) => ({ fingerprint: fingerprint(isCandidate, request) }) })
    .findings;

/** What is found where three of the candidate's answers, from this request on, are of another configuration; there are four requests a second. */
const foundAfter = (request: number) => {
  let strays = 0;
  const { findings } = consistencyOf({
    requests: 1_400,
    perSecond: 4,
    reported: (_data, isCandidate, at) => ({
      fingerprint: !isCandidate ? 'a' : at >= request && strays++ < 3 ? 'z' : 'b',
    }),
  });
  return findings.map(({ variant, kind, found }) => [variant, kind, found]);
};

describe('units of measure', () => {
  it('are right where both services report what the router measures, whatever they share or save', () => {
    for (const story of [
      {},
      { latencyFactor: 3 },
      { latencyFactor: 0.1 },
      // Half of the time is queueing that one of the services does not count.
      {
        reported: ({ timings }, isCandidate) => ({
          timings: { ...timings, totalMs: (timings.totalMs ?? 0) * (isCandidate ? 0.5 : 1) },
        }),
      },
      {
        reported: ({ cost, gpu }, isCandidate) =>
          isCandidate ? { cost: (cost ?? 0) / 8, gpu: { ...gpu, memoryMiB: 150 } } : {},
      },
    ] satisfies Story[])
      expect(consistencyOf(story)).toMatchObject({ status: 'ok', findings: [] });
  });

  it('seconds for milliseconds are found in a candidate that is three times as slow: it is not 99.7 % better', () => {
    const story: Story = {
      requests: 2_000,
      latencyFactor: 3,
      reported: (data, isCandidate) => (isCandidate ? { timings: inSeconds(data) } : {}),
    };
    const { status, findings, verdictOf } = consistencyOf(story);
    expect(status).toBe('inconsistent');
    expect(findings.map(({ kind, variant, field, metrics }) => [kind, variant, field, metrics])).toEqual([
      ['unit-of-measure', 'candidate', 'timings.totalMs', []],
      ['unit-of-measure', 'candidate', 'timings.inferenceMs', ['inference-latency-p95']],
    ]);
    expect(findings[1]?.factor).toBeCloseTo(0.001, 4);
    expect(verdictOf('inference-latency-p95')).toEqual(['unmeasurable', 'other-unit-of-measure']);
  });

  it('in control as well: its candidate is not a thousand times as slow', () => {
    const { findings, verdictOf } = consistencyOf({
      reported: (data, isCandidate) => (isCandidate ? {} : { timings: inSeconds(data) }),
    });
    expect(findings.map(({ variant, field }) => [variant, field])).toEqual([
      ['control', 'timings.totalMs'],
      ['control', 'timings.inferenceMs'],
    ]);
    expect(verdictOf('inference-latency-p95')[0]).toBe('unmeasurable');
  });

  it.each([
    ['cost', 'cost-per-image', true, () => ({ cost: 0 })],
    ['cost', 'cost-per-image', false, () => ({ cost: 0 })],
    ['gpu.memoryMiB', 'gpu-memory', false, ({ gpu }) => ({ gpu: { ...gpu, memoryMiB: 0 } })],
  ] satisfies [string, string, boolean, (data: Generation) => Partial<Generation>][])(
    'are none where one variant does not measure and says 0: %s, which makes nothing of %s (candidate: %s)',
    (field, metric, isOfCandidate, zero) => {
      const { findings, verdictOf } = consistencyOf({
        reported: (data, isCandidate) => (isCandidate === isOfCandidate ? zero(data) : {}),
      });
      const variant = isOfCandidate ? 'candidate' : 'control';
      expect(findings).toMatchObject([{ kind: 'unit-of-measure', variant, field, factor: 0, metrics: [metric] }]);
      expect(verdictOf(metric)).toEqual(['unmeasurable', 'other-unit-of-measure']);
    },
  );

  it('say nothing of what is 0 in both variants, or only now and then', () => {
    expect(consistencyOf({ reported: () => ({ cost: 0 }) }).findings).toEqual([]);
    expect(
      consistencyOf({ reported: (data, isCandidate, n) => (isCandidate ? oftenFree(data, n) : {}) }).findings,
    ).toEqual([]);
  });

  it('in both', () => {
    const { findings } = consistencyOf({ reported: (data) => ({ timings: inSeconds(data) }) });
    expect(findings.map(({ variant, field }) => [variant, field])).toEqual([
      ['control', 'timings.totalMs'],
      ['candidate', 'timings.totalMs'],
    ]);
  });

  it.each([
    ['cents for euros', 'cost', 'cost-per-image', ({ cost }) => ({ cost: (cost ?? 0) * 100 })],
    [
      'GPU milliseconds',
      'gpu.seconds',
      'gpu-seconds',
      ({ gpu }) => ({ gpu: { ...gpu, seconds: (gpu.seconds ?? 0) * 1000 } }),
    ],
    [
      'GPU memory in GB',
      'gpu.memoryMiB',
      'gpu-memory',
      ({ gpu }) => ({ gpu: { ...gpu, memoryMiB: (gpu.memoryMiB ?? 0) / 1024 } }),
    ],
  ] satisfies [string, string, string, (data: Generation) => Partial<Generation>][])(
    '%s',
    (_what, field, metric, change) => {
      const { findings, verdictOf } = consistencyOf({
        reported: (data, isCandidate) => (isCandidate ? change(data) : {}),
      });
      expect(findings).toMatchObject([{ kind: 'unit-of-measure', variant: 'candidate', field, metrics: [metric] }]);
      expect(verdictOf(metric)[0]).toBe('unmeasurable');
    },
  );

  it('in the middle of the experiment, within a hundred of the candidate’s generations; and no longer once it is mended', () => {
    expect(consistencyOf(secondsBetween(1_100, 1_400)).status).toBe('inconsistent');
    expect(consistencyOf(secondsBetween(300, 600)).status).toBe('ok');
  });

  it('says nothing where a service reports none', () => {
    const nothing = { queueMs: null, inferenceMs: null, totalMs: null };
    const { status, findings } = consistencyOf({ reported: () => ({ timings: nothing, fingerprint: null }) });
    expect([status, findings]).toEqual(['not-enough-data', []]);
  });
});

describe('fingerprints', () => {
  it('are those that the experiment declares', () => {
    expect(told((isCandidate) => (isCandidate ? 'b' : 'a'))).toEqual([]);
  });

  it.each([
    ['the candidate’s upstream still runs control’s', () => 'a', ['candidate', 'another-configuration', 'b', 'a']],
    [
      'a third configuration answers for the candidate',
      (is) => (is ? 'z' : 'a'),
      ['candidate', 'another-configuration', 'b', 'z'],
    ],
    [
      'the candidate is deployed again',
      (is, request) => (is ? (request > 200 ? 'c' : 'b') : 'a'),
      ['candidate', 'configuration-changed', 'b', 'c'],
    ],
    [
      'control is',
      (is, request) => (is ? 'b' : request > 200 ? 'x' : 'a'),
      ['control', 'configuration-changed', 'a', 'x'],
    ],
  ] satisfies [string, (isCandidate: boolean, request: number) => string, string[]][])('%s', (_what, of, expected) => {
    const [finding, ...others] = told(of);
    expect(others).toEqual([]);
    expect([finding?.variant, finding?.kind, finding?.expected, finding?.found]).toEqual(expected);
    expect(finding?.metrics).toEqual(
      guardrails
        .map(({ metric }) => metric)
        .toSorted((x, y) => finding!.metrics.indexOf(x) - finding!.metrics.indexOf(y)),
    );
  });

  it('that come in the middle of the experiment are found before they are a hundredth; what pods that are being replaced leave is not', () => {
    // Three of about 420 generations, from the sixth minute on and at the beginning.
    expect(foundAfter(1_300)).toEqual([['candidate', 'configuration-changed', 'z']]);
    expect(foundAfter(10)).toEqual([]);
  });

  it('made by another rule than ours are held against each other: the first one seen stands for its variant', () => {
    expect(told((isCandidate) => (isCandidate ? 'sha-2' : 'sha-1'))).toEqual([]);
    expect(told(() => 'sha-1')).toMatchObject([
      { variant: 'candidate', kind: 'another-configuration', expected: null },
    ]);
    expect(told((isCandidate, request) => (isCandidate ? (request > 200 ? 'sha-3' : 'sha-2') : 'sha-1'))).toMatchObject(
      [{ variant: 'candidate', kind: 'configuration-changed', expected: 'sha-2', found: 'sha-3' }],
    );
  });

  it('of two stray generations, or drawn with every request, say nothing', () => {
    let strays = 0;
    expect(told((isCandidate) => (isCandidate ? (strays++ < 2 ? 'old' : 'b') : 'a'))).toEqual([]);
    expect(told((_isCandidate, request) => `drawn-${request}`)).toEqual([]);
  });

  it('of a variant that was never asked to differ may be equal', () => {
    const same = { ...definition({ guardrails }), fingerprints: { control: 'a', candidate: 'a' } };
    const events = eventsOf({ reported: () => ({ fingerprint: 'a' }) });
    expect(analysisOf(evidenceDesign(same, 2), events, 2).health.consistency?.findings).toEqual([]);
  });
});

describe('another scorer', () => {
  it('is named, with both', () => {
    const { findings } = consistencyOf({
      change: (event, request) =>
        event.type === 'image.scored.v1' && request > 200
          ? { ...event, data: { ...event.data, identity: { ...event.data.identity, preprocessing: '2' } } }
          : event,
    });
    expect(findings).toMatchObject([
      { kind: 'scorer-changed', expected: `${'0'.repeat(64)}/1`, found: `${'0'.repeat(64)}/2`, metrics: [] },
    ]);
  });
});

describe('what is kept of the reports', () => {
  it('merges in any order, and comes back from a snapshot as it was', () => {
    const parts = foldByPartition(design, eventsOf({}), 2);
    const forward = parts.reduce(mergeEvidence).reports;
    const backward = parts.toReversed().reduce(mergeEvidence).reports;
    for (const [variant, { levels, fingerprints }] of forward) {
      expect(backward.get(variant)?.fingerprints).toEqual(fingerprints);
      for (const field of REPORTED_FIELDS)
        expect(backward.get(variant)?.levels[field].lnMean).toBeCloseTo(levels[field].lnMean, 10);
    }
    expect(decodeReports(encodeReports(forward))).toEqual(forward);
  });
});
