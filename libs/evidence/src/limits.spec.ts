import type { AbsoluteLimit, MetricAnalysis } from '#libs/contracts';
import { analysisOf, type Behaviour, definition, foldByPartition, SimulatedTraffic } from '#libs/testing/traffic';
import { describe, expect, it } from 'vitest';
import { analyse, decodeEvidence, encodeEvidence, evidenceDesign, mergeEvidence, type RequestEvent } from './index.js';

interface Variants {
  readonly control?: Behaviour;
  readonly candidate?: Behaviour;
}

function eventsOf(variants: Variants, requests = 1_500): readonly RequestEvent[] {
  const traffic = new SimulatedTraffic(1, variants);
  traffic.candidateShare = 0.5;
  return Array.from({ length: requests }, () => traffic.next()).flat();
}

const designOf = (limits: readonly AbsoluteLimit[]) =>
  evidenceDesign(definition({ limits: [...limits], baselineUnits: 100 }), 1);

function limitOf(limit: AbsoluteLimit, variants: Variants, requests?: number): NonNullable<MetricAnalysis['limit']> {
  const analysis = analysisOf(designOf([limit]), eventsOf(variants, requests));
  return analysis.metrics.find(({ metric }) => metric === limit.metric)?.limit as NonNullable<MetricAnalysis['limit']>;
}

const verdictsOf = ({ control, candidate }: NonNullable<MetricAnalysis['limit']>) => [
  control.verdict,
  candidate.verdict,
];

const ERRORS: AbsoluteLimit = { metric: 'error-rate', kind: 'at-most', value: 0.05 };
const P95: AbsoluteLimit = { metric: 'latency-p95', kind: 'at-most', value: 2_000 };
const ALIGNMENT: AbsoluteLimit = { metric: 'alignment', kind: 'at-least', value: 0.28 };
const COST: AbsoluteLimit = { metric: 'cost-per-image', kind: 'at-most', value: 0.003 };
const SECONDS: AbsoluteLimit = { metric: 'gpu-seconds-per-image', kind: 'at-most', value: 1.5 };

const costing = (dear: number): NonNullable<MetricAnalysis['limit']> => {
  const events = eventsOf({}).map((event, index) =>
    event.type === 'generation.completed.v1'
      ? { ...event, data: { ...event.data, cost: index % 100 < 3 ? dear : 0.0015 } }
      : event,
  );
  const { metrics } = analysisOf(designOf([COST]), events);
  return metrics.find(({ metric }) => metric === COST.metric)?.limit as NonNullable<MetricAnalysis['limit']>;
};

describe('an absolute limit', () => {
  it.each([
    ['errors', ERRORS, { errorRate: 0.2 }],
    ['a quantile', P95, { latencyFactor: 2 }],
    ['a mean of which more is better', ALIGNMENT, { alignment: 0.25 }],
    ['a mean without bounds', COST, { costFactor: 3 }],
    ['a ratio', SECONDS, { latencyFactor: 3 }],
  ])('of %s is judged for each variant by its own values', (_what, limit, worse) => {
    expect(verdictsOf(limitOf(limit, { candidate: worse }))).toEqual(['within', 'beyond']);
    expect(verdictsOf(limitOf(limit, { control: worse }))).toEqual(['beyond', 'within']);
    expect(verdictsOf(limitOf(limit, { control: worse, candidate: worse }))).toEqual(['beyond', 'beyond']);
  });

  it.each([
    ['are answered by an error', { outcome: 'server-error', status: 500, durationMs: 3 }, 'within'],
    [
      'are left by their client early',
      { outcome: 'cancelled', status: null, durationMs: null, waitedMs: 300 },
      'within',
    ],
    [
      'are left by their client late',
      { outcome: 'cancelled', status: null, durationMs: null, waitedMs: 9_000 },
      'beyond',
    ],
  ] as const)('of latency is about the requests of which it is known: three of ten %s', (_what, became, verdict) => {
    const events = eventsOf({}).map((event, n) =>
      event.type === 'request.routed.v1' && n % 10 < 3 ? { ...event, data: { ...event.data, ...became } } : event,
    );
    const { metrics } = analysisOf(designOf([P95]), events);
    const { limit } = metrics.find(({ metric }) => metric === 'latency-p95') as MetricAnalysis;
    expect(limit && verdictsOf(limit)).toEqual([verdict, verdict]);
  });

  it('needs units', () => {
    expect(verdictsOf(limitOf(ERRORS, {}, 40))).toEqual(['undecided', 'undecided']);
  });

  it('is not kept any more once both variants fail, however long they did not', () => {
    const before = eventsOf({}, 1_500);
    const traffic = new SimulatedTraffic(2, { control: { errorRate: 1 }, candidate: { errorRate: 1 } });
    traffic.candidateShare = 0.5;
    const after = Array.from({ length: 40 }, () => traffic.next())
      .flat()
      .map((event) => ({ ...event, id: `later/${event.id}`, subject: `later/${event.subject}` }));
    const { metrics } = analysisOf(designOf([ERRORS]), [...before, ...after]);
    const { candidate } = metrics.find(({ metric }) => metric === 'error-rate')?.limit ?? {};
    expect(candidate).toMatchObject({ verdict: 'undecided', isBrokenNow: true });
  });

  it('is not proven to be kept by costs of which a rare one lies far beyond its bounds', () => {
    expect(verdictsOf(costing(0.01))).toEqual(['within', 'within']);
    expect(verdictsOf(costing(0.3))).toEqual(['undecided', 'undecided']);
  });

  it('of a metric that nothing else names is followed', () => {
    const limit: AbsoluteLimit = { metric: 'timeout-rate', kind: 'at-most', value: 0.1 };
    const { metrics } = analysisOf(designOf([limit]), eventsOf({}));
    expect(metrics.find(({ metric }) => metric === 'timeout-rate')).toMatchObject({
      role: 'watched',
      limit: { candidate: { verdict: 'within' } },
    });
  });

  it('goes on bit for bit after a snapshot, and begins anew where it has changed', () => {
    const [first, ...others] = foldByPartition(designOf([ERRORS]), eventsOf({}), 1);
    const evidence = others.reduce((a, b) => mergeEvidence(a, b), first as NonNullable<typeof first>);
    const restored = (value: number) => {
      const design = designOf([{ ...ERRORS, value }]);
      const stored = JSON.parse(JSON.stringify(encodeEvidence(evidence)));
      const { metrics } = analyse(decodeEvidence(design, stored, []), design, 0);
      return metrics.find(({ metric }) => metric === 'error-rate')?.limit?.candidate;
    };
    const { metrics } = analyse(evidence, designOf([ERRORS]), 0);
    expect(restored(0.05)).toEqual(metrics.find(({ metric }) => metric === 'error-rate')?.limit?.candidate);
    expect(restored(0.06)?.units).toBe(0);
  });
});
