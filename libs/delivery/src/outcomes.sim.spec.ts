/** @module-tag long */
import { type ExperimentAnalysed, parseExperimentFile, type RequestRouted } from '#libs/contracts';
import { analyse, type Evidence, evidenceDesign, knownMetrics, mergeEvidence, type RequestEvent } from '#libs/evidence';
import { describe, expect, it } from 'vitest';
import { type Played, playExperiment } from '#libs/testing/delivery';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { definition, foldInto, SimulatedTraffic } from '#libs/testing/traffic';

/** What became of a request instead; null: what usually does. */
type Fate = (random: SimulationRandom, isCandidate: boolean) => Partial<RequestRouted> | null;

const USUAL = ['{ metric: error-rate, margin: +0.5pp }', '{ metric: latency-p95, margin: +10% }'];

/** Plays a canary from a fifth as its file says, by what the router sees. */
function played(fate: Fate, guardrails: readonly string[] = USUAL, mostRequests = 60_000): Played {
  const text = `apiVersion: teststrip/v1
key: exp
service: text-to-image
kind: canary
unit: request
variants:
  control: { upstream: "http://control:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: fp16 } }
  candidate: { upstream: "http://candidate:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: int8 } }
ramp: { auto: { from: 20% } }
guardrails: [${guardrails.join(', ')}]
`;
  const defined = { ...definition(), spec: parseExperimentFile(text, 'experiment.yaml', knownMetrics) };
  const design = evidenceDesign(defined, 1);
  const traffic = new SimulatedTraffic(5);
  const random = simulationRandom(6);
  const parts = new Map<string, Evidence>();
  const service = {
    get atMs() {
      return traffic.atMs;
    },
    next(): boolean {
      const [event] = traffic.next() as [RequestEvent & { readonly type: 'request.routed.v1' }];
      const isCandidate = event.data.assignment?.variant === 'candidate';
      const became = fate(random, isCandidate);
      const data = became === null ? event.data : { ...event.data, durationMs: null, ...became };
      foldInto(parts, design, { event: { ...event, data } }, 1);
      return isCandidate;
    },
    obey: ({ weightsPpm, epoch, stage }: Parameters<Parameters<typeof playExperiment>[0]['obey']>[0]) => {
      traffic.candidateShare = (weightsPpm['candidate'] as number) / 1e6;
      traffic.epoch = epoch;
      traffic.stage = stage;
    },
    analysis(): ExperimentAnalysed {
      const evidence = [...parts.values()].reduce(mergeEvidence);
      return {
        ...analyse(evidence, design, traffic.atMs),
        analysisId: 'a',
        analysedAt: new Date(traffic.atMs).toISOString(),
      };
    },
  };
  return playExperiment(service, { definition: defined, mostRequests });
}

const candidates =
  (share: number, became: Partial<RequestRouted>): Fate =>
  (random, isCandidate) =>
    isCandidate && random.uniform() < share ? became : null;

const both =
  (share: number, became: Partial<RequestRouted>): Fate =>
  (random) =>
    random.uniform() < share ? became : null;

describe('a candidate that delivers fewer pictures', () => {
  it.each([
    ['answers 404 to everything', candidates(1, { outcome: 'caller-error', status: 404, durationMs: 2 })],
    ['answers 422 to one in five', candidates(0.2, { outcome: 'caller-error', status: 422, durationMs: 2 })],
    ['has no room for one in five', candidates(0.2, { outcome: 'refused', status: 429, durationMs: 2 })],
    ['filters one in five', candidates(0.2, { outcome: 'filtered', status: 200, durationMs: 400 })],
    ['answers one in five with a page', candidates(0.2, { outcome: 'failed-inside-2xx', status: 200, durationMs: 2 })],
    ['leaves people waiting until they go', candidates(0.2, { outcome: 'cancelled', status: null, waitedMs: 25_000 })],
  ])('is rolled back: %s', (_what, fate) => {
    const { phase, requests } = played(fate, ['{ metric: error-rate, margin: +0.5pp }']);
    expect([phase, requests < 2_000]).toEqual(['rolled-back', true]);
  });

  it('is what its file wants where that turns the guardrail off', () => {
    const fate = candidates(0.05, { outcome: 'filtered', status: 200, durationMs: 400 });
    const guardrails = ['{ metric: error-rate, margin: +0.5pp }', '{ metric: delivery-rate, off: true }'];
    expect(played(fate, guardrails).phase).toBe('promoted');
  });
});

describe('an equal candidate', () => {
  it.each([
    ['7 % of the people leave', both(0.07, { outcome: 'cancelled', status: null, waitedMs: 400 })],
    ['7 % of the prompts are filtered', both(0.07, { outcome: 'filtered', status: 200, durationMs: 90 })],
  ])('is promoted where %s, in both variants', (_what, fate) => {
    expect(played(fate).phase).toBe('promoted');
  });
});
