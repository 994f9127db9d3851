import { type ExperimentDefined, type MetricAnalysis, parseExperimentFile, type TeststripEvent } from '#libs/contracts';
import { describe, expect, it } from 'vitest';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { analysisOf, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { type Analysis, evidenceDesign, knownMetrics, type ObservedEvent, type RequestEvent } from './index.js';

type Change = (event: RequestEvent, random: SimulationRandom) => readonly ObservedEvent[];

/** What an experiment file makes of traffic at a fifth, of which `candidate` changes the candidate's events and `both` everybody's. */
function analysed(
  { guardrails, metrics = [] }: { readonly guardrails: readonly string[]; readonly metrics?: readonly string[] },
  { requests = 6_000, candidate, both }: { requests?: number; candidate?: Change; both?: Change },
): Analysis {
  const text = `apiVersion: teststrip/v1
key: exp
service: text-to-image
kind: canary
variants:
  control: { upstream: "http://control:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: fp16 } }
  candidate: { upstream: "http://candidate:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: int8 } }
ramp: { auto: { from: 20% } }
guardrails: [${guardrails.join(', ')}]
metrics: [${metrics.join(', ')}]
`;
  const spec = parseExperimentFile(text, 'experiment.yaml', knownMetrics);
  const defined: ExperimentDefined = { ...definition(), spec };
  const traffic = new SimulatedTraffic(7);
  traffic.candidateShare = 0.2;
  const random = simulationRandom(11);
  const events: ObservedEvent[] = [];
  for (let n = 0; n < requests; n++) {
    for (const event of traffic.next()) {
      const changed = both ? both(event, random) : [event];
      for (const one of changed) {
        const isCandidates = one.type !== 'preference.judged.v1' && one.data.assignment?.variant === 'candidate';
        events.push(...(isCandidates && candidate ? candidate(one as RequestEvent, random) : [one]));
      }
    }
  }
  return analysisOf(evidenceDesign(defined, 2), events, 2);
}

function metric({ metrics }: Analysis, name: string): MetricAnalysis {
  return metrics.find((candidate) => candidate.metric === name) as MetricAnalysis;
}

/** Nothing may rise on it: no verdict, and no step of the budget. */
function provesNothing(analysis: Analysis, name: string): void {
  const { verdict, budget, lnE } = metric(analysis, name);
  expect([name, verdict === 'undecided' || verdict === 'unmeasurable']).toEqual([name, true]);
  expect(lnE === null || Math.max(lnE.nonInferior, lnE.superior ?? 0) <= 0 || verdict === 'unmeasurable').toBe(true);
  if (verdict !== 'unmeasurable') expect(budget.filter(({ nonInferior }) => nonInferior)).toEqual([]);
}

/** An event of the same topic with other data. */
function withData<T extends RequestEvent['type']>(
  event: RequestEvent,
  type: T,
  data: Partial<TeststripEvent<T>['data']>,
): readonly RequestEvent[] {
  return event.type === type ? [{ ...event, data: { ...event.data, ...data } } as RequestEvent] : [event];
}

/** What a person did with a picture, said by the app. */
function deed(event: RequestEvent, kind: 'regenerate' | 'thumb-up' | 'rating', rating: number | null = null) {
  const { requestId, assignment, service } = event.data;
  const data = { requestId, generationId: null, service, assignment, kind, rating, givenAt: event.time };
  return { ...event, id: `${event.id}/${kind}`, type: 'feedback.recorded.v1', data } as RequestEvent;
}

describe('a variant without values', () => {
  it('is not faster than control when its clients’ requests are all turned away', () => {
    const analysis = analysed(
      { guardrails: ['{ metric: latency-p95, margin: +10% }'] },
      {
        candidate: (event) =>
          event.type === 'request.routed.v1'
            ? withData(event, 'request.routed.v1', { outcome: 'caller-error', status: 429, durationMs: 1 })
            : [],
      },
    );
    provesNothing(analysis, 'latency-p95');
    expect(metric(analysis, 'latency-p95').reason).toBe('one-variant');
  });

  it('has no fewer bad faces than control when its scorer does not look for faces', () => {
    const analysis = analysed(
      {
        guardrails: ['{ metric: bad-faces, margin: +50% }'],
        metrics: ['{ name: bad-faces, path: image.scored.v1/quality.face, kind: lower-tail, direction: higher }'],
      },
      {
        both: (event, random) => withData(event, 'image.scored.v1', { quality: { face: 0.8 + 0.1 * random.normal() } }),
        candidate: (event) => withData(event, 'image.scored.v1', { quality: {} }),
      },
    );
    provesNothing(analysis, 'bad-faces');
  });

  it('is not asked again less often when its app has lost the event', () => {
    const analysis = analysed(
      { guardrails: ['{ metric: regenerate-rate, margin: +10% }'] },
      {
        both: (event, random) =>
          event.type === 'request.routed.v1' && random.uniform() < 0.1 ? [event, deed(event, 'regenerate')] : [event],
        candidate: (event) => (event.type === 'feedback.recorded.v1' ? [] : [event]),
      },
    );
    provesNothing(analysis, 'regenerate-rate');
    expect(metric(analysis, 'regenerate-rate').reason).toBe('one-variant');
  });

  it('is not worse either, where more is better and only values are missing', () => {
    const analysis = analysed(
      {
        guardrails: ['{ metric: best-faces, margin: -10% }'],
        metrics: ['{ name: best-faces, path: image.scored.v1/quality.face, kind: p90, direction: higher }'],
      },
      {
        both: (event, random) => withData(event, 'image.scored.v1', { quality: { face: 0.8 + 0.1 * random.normal() } }),
        candidate: (event) => withData(event, 'image.scored.v1', { quality: {} }),
      },
    );
    expect(metric(analysis, 'best-faces').verdict).not.toBe('harmful');
    provesNothing(analysis, 'best-faces');
  });
});
