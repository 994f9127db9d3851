import type { MetricAnalysis, RequestRouted } from '#libs/contracts';
import { describe, expect, it } from 'vitest';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { analysisOf, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { type Analysis, evidenceDesign, type RequestEvent } from './index.js';

/** What became of a request; null: it was answered well. */
type Fate = (random: SimulationRandom, isCandidate: boolean) => Partial<RequestRouted> | null;

/** What the router's events alone say, half of the traffic being the candidate's. */
function routed(requests: number, fate: Fate, seed = 1): Analysis {
  const traffic = new SimulatedTraffic(seed, { control: { errorRate: 0 }, candidate: { errorRate: 0 } });
  traffic.candidateShare = 0.5;
  const random = simulationRandom(seed + 99);
  const events: RequestEvent[] = [];
  for (let n = 0; n < requests; n++) {
    for (const event of traffic.next()) {
      if (event.type !== 'request.routed.v1') continue;
      const changed = fate(random, event.data.assignment?.variant === 'candidate');
      events.push(changed === null ? event : { ...event, data: { ...event.data, durationMs: null, ...changed } });
    }
  }
  const guardrails = (['error-rate', 'latency-p95'] as const).map((metric) => ({
    metric,
    margin: { kind: metric === 'error-rate' ? ('absolute' as const) : ('relative' as const), value: 0.1 },
    rollbackOn: 'beyond-margin' as const,
  }));
  return analysisOf(evidenceDesign(definition({ guardrails }), 2), events, 2);
}

function latency({ metrics }: Analysis): MetricAnalysis {
  return metrics.find(({ metric }) => metric === 'latency-p95') as MetricAnalysis;
}

const chance =
  (share: { readonly control: number; readonly candidate: number }, became: Partial<RequestRouted>): Fate =>
  (random, isCandidate) =>
    random.uniform() < (isCandidate ? share.candidate : share.control) ? became : null;

const rates = (analysis: Analysis): readonly (number | null)[] =>
  ['delivery-rate', 'abandon-rate', 'error-rate'].map(
    (name) => analysis.metrics.find(({ metric }) => metric === name)?.estimate.control ?? null,
  );

const half = (became: Partial<RequestRouted>): Fate => {
  let n = 0;
  return () => (n++ % 2 === 0 ? became : null);
};

describe('what was delivered', () => {
  it.each([
    ['cached', { outcome: 'cached', status: 200, durationMs: 4 }, [1, 0, 0]],
    ['filtered', { outcome: 'filtered', status: 200, durationMs: 90 }, [0.5, 0, 0]],
    ['turned away', { outcome: 'refused', status: 429, durationMs: 2 }, [0.5, 0, 0]],
    ['without room', { outcome: 'refused', status: 503, durationMs: 2 }, [0.5, 0, 0.5]],
    ['wrong', { outcome: 'caller-error', status: 404, durationMs: 2 }, [0.5, 0, 0]],
    ['failed', { outcome: 'server-error', status: 500, durationMs: 2 }, [0.5, 0, 0.5]],
    ['failed inside', { outcome: 'failed-inside-2xx', status: 200, durationMs: 2 }, [0.5, 0, 0.5]],
    ['timed out', { outcome: 'timed-out', status: null }, [0.5, 0, 0.5]],
    ['left early', { outcome: 'cancelled', status: null, waitedMs: 9_000 }, [1, 0.5, 0]],
    ['left late', { outcome: 'cancelled', status: null, waitedMs: 11_000 }, [0.5, 0.5, 0]],
    ['left, of an event of before', { outcome: 'cancelled', status: null }, [1, 0.5, 0]],
  ] as const)('is told of every outcome: %s', (_what, became, expected) => {
    rates(routed(400, half(became))).forEach((rate, index) => expect(rate).toBeCloseTo(expected[index] as number, 0.9));
  });
});

describe('latency where clients leave', () => {
  it('is what it was where people of both variants leave early', () => {
    for (const left of [{ waitedMs: 300 }, { waitedMs: null }]) {
      const analysis = routed(6_000, chance({ control: 0.07, candidate: 0.07 }, { outcome: 'cancelled', ...left }));
      expect(latency(analysis)).toMatchObject({ verdict: 'non-inferior', estimate: { effect: expect.any(Number) } });
    }
  });

  it('is harmed where people of the candidate leave after a long wait, and not where they leave at once', () => {
    const candidates = { control: 0, candidate: 0.2 };
    const late = chance(candidates, { outcome: 'cancelled', status: null, waitedMs: 20_000 });
    expect(latency(routed(1_500, late)).verdict).toBe('harmful');
    const atOnce = chance(candidates, { outcome: 'cancelled', status: null, waitedMs: 100 });
    expect(latency(routed(1_500, atOnce)).verdict).not.toBe('harmful');
  });
});
