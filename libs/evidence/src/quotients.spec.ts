import { type ExperimentDefined, type MetricAnalysis, parseExperimentFile } from '#libs/contracts';
import { simulationRandom } from '#libs/testing/random';
import { analysisOf, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { describe, expect, it } from 'vitest';
import { evidenceDesign, knownMetrics, metricCatalogue, type ObservedEvent, type RequestEvent } from './index.js';

/** Cost per unit that downloads: its parts are read from two topics. */
const text = `apiVersion: teststrip/v1
key: exp
service: text-to-image
kind: canary
variants:
  control: { upstream: "http://control:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: fp16 } }
  candidate: { upstream: "http://candidate:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: int8 } }
ramp: [{ weight: 50% }, { weight: 100% }]
metrics: [{ name: spent, path: generation.completed.v1/cost, kind: mean, direction: lower }]
quotients: [{ name: cost-per-download, of: spent, per: download-rate, direction: lower }]
guardrails: [{ metric: cost-per-download, margin: +30% }]
`;
const spec = parseExperimentFile(text, 'experiment.yaml', knownMetrics);
const design = evidenceDesign(
  { ...definition(), spec } satisfies ExperimentDefined,
  1,
  metricCatalogue.filter(({ name }) => name === 'download-rate'),
);

interface Candidate {
  readonly costFactor?: number;
  /** Share of the candidate's units that download; of control's it is a half. */
  readonly downloads?: number;
  /** Whether expensive generations are reported without their cost. */
  readonly hidesCosts?: boolean;
}

function judged({ costFactor = 1, downloads = 0.5, hidesCosts = false }: Candidate, requests = 6_000): MetricAnalysis {
  const traffic = new SimulatedTraffic(7, { control: { errorRate: 0 }, candidate: { errorRate: 0, costFactor } });
  traffic.candidateShare = 0.5;
  const random = simulationRandom(5);
  const events: ObservedEvent[] = [];
  for (let request = 0; request < requests; request++) {
    const [routed, completed] = traffic.next() as [RequestEvent, RequestEvent & { type: 'generation.completed.v1' }];
    const isCandidate = routed.data.assignment?.variant === 'candidate';
    const isHidden = isCandidate && hidesCosts && completed.data.cost! > 0.002;
    events.push(routed, { ...completed, data: { ...completed.data, cost: isHidden ? null : completed.data.cost } });
    if (random.uniform() < (isCandidate ? downloads : 0.5)) events.push(download(completed));
  }
  return analysisOf(design, events).metrics.find(({ metric }) => metric === 'cost-per-download')!;
}

function download({ data, time, subject }: RequestEvent & { type: 'generation.completed.v1' }): ObservedEvent {
  const { requestId, generationId, service, assignment } = data;
  const said = { requestId, generationId, service, assignment, kind: 'download', rating: null, givenAt: time } as const;
  return {
    specversion: '1.0',
    id: `d-${requestId}`,
    source: 'test',
    type: 'feedback.recorded.v1',
    time,
    subject,
    data: said,
  };
}

describe('a quotient of two topics', () => {
  it('is proven by its parts, where neither has changed', () => {
    const { verdict, estimate, scale } = judged({}, 10_000);
    expect([verdict, scale]).toEqual(['non-inferior', 'relative']);
    expect(estimate.control).toBeCloseTo(0.004, 3);
    expect(Math.abs(estimate.effect!)).toBeLessThan(0.1);
  });

  it.each<readonly [string, Candidate]>([
    ['cost rises', { costFactor: 2 }],
    ['people download less', { downloads: 0.2 }],
    ['both do a little', { costFactor: 1.4, downloads: 0.3 }],
  ])('is harmful where %s', (_what, candidate) => {
    expect(judged(candidate).verdict).toBe('harmful');
  });

  it('is better where people download more at the same cost', () => {
    expect(judged({ downloads: 0.8 }).verdict).toBe('superior');
  });

  it('says nothing where a part says nothing, or is that of survivors', () => {
    expect(judged({}, 100)).toMatchObject({ verdict: 'undecided', reason: 'baseline' });
    expect(judged({ hidesCosts: true })).toMatchObject({ verdict: 'unmeasurable', reason: 'missing-more-often' });
  });
});
