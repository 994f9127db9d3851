import type { MetricAnalysis, Outcome, RequestRouted } from '#libs/contracts';
import { describe, expect, it } from 'vitest';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { analysisOf, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { type Analysis, analyse, evidenceDesign, foldEvent, initialEvidence, type RequestEvent } from './index.js';

/** What became of a request; null: it was answered well. */
type Fate = (random: SimulationRandom, isCandidate: boolean) => Partial<RequestRouted> | null;

/** A latency as everybody has it, times a factor. */
const duration = (random: SimulationRandom, factor: number): number => factor * 800 * Math.exp(0.3 * random.normal());

/** The router's events alone. @param share of the candidate. @param users that come back; 0: every request is a new one's. */
function* routedEvents(
  requests: number,
  fate: Fate,
  { seed = 1, share = 0.5, users = 0 } = {},
): Generator<RequestEvent> {
  // Of failed requests the traffic has no other events.
  const failed = { errorRate: 1 };
  const traffic = new SimulatedTraffic(seed, { control: failed, candidate: failed }, 100, users);
  traffic.candidateShare = share;
  const random = simulationRandom(seed + 99);
  for (let n = 0; n < requests; n++) {
    for (const event of traffic.next()) {
      if (event.type !== 'request.routed.v1') continue;
      const became = fate(random, event.data.assignment?.variant === 'candidate');
      const answered = {
        outcome: 'delivered',
        status: 200,
        durationMs: became === null ? duration(random, 1) : null,
      } as const;
      yield { ...event, data: { ...event.data, ...answered, ...became } };
    }
  }
}

const absolute = { kind: 'absolute', value: 0.1 } as const;
const guardrails = (
  [
    ['delivery-rate', absolute],
    ['error-rate', absolute],
    ['latency-p95', { kind: 'relative', value: 0.1 }],
  ] as const
).map(([metric, margin]) => ({ metric, margin, rollbackOn: 'beyond-margin' as const }));
const design = evidenceDesign(definition({ guardrails }), 2);

/** What the router's events alone say, half of the traffic being the candidate's. */
function routed(requests: number, fate: Fate, seed = 1): Analysis {
  return analysisOf(design, [...routedEvents(requests, fate, { seed })], 2);
}

/** Whether latency was ever harmful, looked at after every 200 requests. */
function everHarmful(requests: number, fate: Fate, traffic: { seed: number; share?: number; users?: number }): boolean {
  const evidence = initialEvidence(design);
  let n = 0;
  for (const event of routedEvents(requests, fate, traffic)) {
    foldEvent(evidence, design, event);
    n += 1;
    if (n % 200 === 0 && latency(analyse(evidence, design, Date.parse(event.time))).verdict === 'harmful') return true;
  }
  return false;
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
    ['of no service', { outcome: 'exposed', status: null }, [1, 0, 0]],
    ['left early', { outcome: 'cancelled', status: null, waitedMs: 9_000 }, [1, 0.5, 0]],
    ['left late', { outcome: 'cancelled', status: null, waitedMs: 11_000 }, [0.5, 0.5, 0]],
    ['left, of an event of before', { outcome: 'cancelled', status: null }, [1, 0.5, 0]],
  ] as const)('is told of every outcome: %s', (_what, became, expected) => {
    rates(routed(400, half(became))).forEach((rate, index) => expect(rate).toBeCloseTo(expected[index] as number, 0.9));
  });
});

describe('that as much is delivered', () => {
  it.each([0.01, 0.1, 0.5])(
    'is proven as soon as that no more fails, where control delivers nearly all: at %f',
    (share) => {
      const failed = chance(
        { control: 0.005, candidate: 0.005 },
        { outcome: 'server-error', status: 500, durationMs: 2 },
      );
      const { metrics } = analysisOf(design, [...routedEvents(4_000, failed, { share })], 2);
      const [delivered, notFailed] = ['delivery-rate', 'error-rate'].map((name) =>
        metrics.find(({ metric }) => metric === name),
      );
      for (const [step, { lnENonInferior }] of (notFailed?.budget ?? []).entries())
        expect(delivered?.budget?.[step]?.lnENonInferior).toBeGreaterThan(0.85 * lnENonInferior - 0.1);
    },
  );
});

/** The candidate's latency is control's times the factor, where a request gets a picture. */
const slower =
  (factor: number, without: Fate): Fate =>
  (random, isCandidate) =>
    without(random, isCandidate) ?? { durationMs: duration(random, isCandidate ? factor : 1) };

/** Of the candidate, what takes longer becomes something else. */
const slowBecame =
  (longestMs: number, became: Partial<RequestRouted>): Fate =>
  (random, isCandidate) => {
    const durationMs = duration(random, 1);
    return isCandidate && durationMs > longestMs ? became : { durationMs };
  };

/** A tenth of the requests are heavy: control fails, the candidate takes four times as long. */
const answersWhatFails: Fate = (random, isCandidate) => {
  if (random.uniform() >= 0.1) return { durationMs: duration(random, 1) };
  return isCandidate ? { durationMs: duration(random, 4) } : { outcome: 'server-error', durationMs: 3 };
};

const NO_PICTURE: readonly Outcome[] = ['filtered', 'refused', 'caller-error', 'server-error', 'failed-inside-2xx'];

describe('latency where clients leave', () => {
  it('is what it was where people of both variants leave early', () => {
    for (const left of [{ waitedMs: 300 }, { waitedMs: null }]) {
      const fate = chance({ control: 0.07, candidate: 0.07 }, { outcome: 'cancelled', ...left });
      expect(latency(routed(6_000, fate))).toMatchObject({
        verdict: 'non-inferior',
        estimate: { effect: expect.any(Number) },
      });
      expect(latency(routed(1_500, slower(1.5, fate))).verdict).toBe('harmful');
    }
  });

  it('is harmed where people of the candidate leave after a long wait, and not where they leave at once', () => {
    const candidates = { control: 0, candidate: 0.2 };
    const late = chance(candidates, { outcome: 'cancelled', status: null, waitedMs: 20_000 });
    expect(latency(routed(1_500, late)).verdict).toBe('harmful');
    const atOnce = chance(candidates, { outcome: 'cancelled', status: null, waitedMs: 100 });
    expect(latency(routed(1_500, atOnce)).verdict).toBe('undecided');
  });

  it('is not better where only the candidate’s people leave before it is slow', () => {
    const atOnce = chance({ control: 0, candidate: 0.5 }, { outcome: 'cancelled', status: null, waitedMs: 100 });
    expect(latency(routed(3_000, atOnce)).verdict).not.toBe('superior');
  });
});

describe('latency where requests get no picture', () => {
  it.each(NO_PICTURE)('is no worse because control gets none (%s) more often', (outcome) => {
    const fate = chance({ control: 0.8, candidate: 0.01 }, { outcome, durationMs: 3 });
    expect(everHarmful(1_500, fate, { seed: 1, share: 0.2 })).toBe(false);
  });

  it('is no worse however long control fails, whether users are new or come back', () => {
    const fate = chance({ control: 0.8, candidate: 0.01 }, { outcome: 'server-error', durationMs: 3 });
    for (const seed of [1, 2, 3, 4]) {
      const users = seed > 2 ? 300 : 0;
      expect([seed, everHarmful(2_500, fate, { seed, share: 0.2, users })]).toEqual([seed, false]);
    }
  });

  it.each(NO_PICTURE)('is no better because the candidate gets none (%s) more often', (outcome) => {
    const fate = chance({ control: 0.01, candidate: 0.5 }, { outcome, durationMs: 3 });
    const analysis = routed(2_000, slower(1.15, fate));
    expect(['undecided', 'harmful']).toContain(latency(analysis).verdict);
    const rate = outcome === 'server-error' || outcome === 'failed-inside-2xx' ? 'error-rate' : 'delivery-rate';
    expect(analysis.metrics.find(({ metric }) => metric === rate)?.verdict).toBe('harmful');
  });

  it('is compared all the same where both get none equally often', () => {
    for (const share of [0.07, 0.5]) {
      const fate = chance({ control: share, candidate: share }, { outcome: 'server-error', durationMs: 3 });
      expect([share, latency(routed(2_000, slower(2, fate))).verdict]).toEqual([share, 'harmful']);
      expect([share, latency(routed(6_000, slower(0.9, fate))).verdict]).not.toContain('undecided');
    }
  });

  it('is not better where the candidate’s slow answers have become errors', () => {
    const fate = slowBecame(1_200, { outcome: 'server-error', durationMs: 1_300 });
    expect(latency(routed(3_000, fate)).verdict).not.toBe('superior');
  });

  it('is no worse where the candidate answers what control fails to: those requests are slow, but control’s had no end', () => {
    for (const seed of [1, 2]) expect([seed, everHarmful(2_000, answersWhatFails, { seed })]).toEqual([seed, false]);
  });

  it('is one of pictures out of a cache as well', () => {
    const cached = chance({ control: 0.3, candidate: 0.3 }, { outcome: 'cached', durationMs: 4 });
    expect(['non-inferior', 'superior']).toContain(latency(routed(5_000, slower(0.95, cached))).verdict);
    expect(latency(routed(1_500, slower(1.5, cached))).verdict).toBe('harmful');
  });
});

describe('latency where requests time out', () => {
  const timedOut: Partial<RequestRouted> = { outcome: 'timed-out', status: null };

  it('is better where control alone does, though its own 95th percentile never ended, and harmed where the candidate does', () => {
    const better = routed(2_000, chance({ control: 0.12, candidate: 0 }, timedOut));
    expect(latency(better)).toMatchObject({ verdict: 'superior', estimate: { control: null } });
    expect(latency(routed(2_000, chance({ control: 0, candidate: 0.12 }, timedOut))).verdict).toBe('harmful');
  });

  it('is compared all the same where both do, of their pictures', () => {
    const both = chance({ control: 0.12, candidate: 0.12 }, timedOut);
    expect(latency(routed(1_000, both))).toMatchObject({ verdict: 'undecided', reason: 'collecting' });
    expect(latency(routed(8_000, slower(0.8, both))).verdict).toBe('superior');
    expect(latency(routed(3_000, slower(1.5, both))).verdict).toBe('harmful');
  });

  it('is no better where the candidate’s slow answers have become timeouts', () => {
    expect(latency(routed(2_000, slowBecame(1_000, timedOut))).verdict).toBe('harmful');
  });
});
