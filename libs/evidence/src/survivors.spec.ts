import { type ExperimentDefined, type MetricAnalysis, parseExperimentFile, type TeststripEvent } from '#libs/contracts';
import { describe, expect, it } from 'vitest';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { analysisOf, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { type Analysis, evidenceDesign, knownMetrics, type ObservedEvent, type RequestEvent } from './index.js';

type Change = (event: RequestEvent, random: SimulationRandom) => readonly ObservedEvent[];

/** What an experiment file makes of traffic at a fifth, of which `candidate` changes the candidate's events and `both` everybody's. */
function analysed(
  { guardrails, metrics = [] }: { readonly guardrails: readonly string[]; readonly metrics?: readonly string[] },
  { requests = 2_500, candidate, both }: { requests?: number; candidate?: Change; both?: Change },
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

/** A score between 0 and 1; those below a limit get lost. */
const face = (event: RequestEvent, random: SimulationRandom) =>
  withData(event, 'image.scored.v1', { quality: { face: 0.8 + 0.1 * random.normal() } });

const withoutBad = (event: RequestEvent): readonly RequestEvent[] =>
  event.type === 'image.scored.v1' && (event.data.quality['face'] ?? 0) < 0.72
    ? withData(event, 'image.scored.v1', { quality: {} })
    : [event];

const lossy: Change = (event, random) =>
  event.type === 'generation.completed.v1' && random.uniform() < 0.2 ? [] : [event];

const slowLost: Change = (event) =>
  event.type === 'generation.completed.v1' && (event.data.timings.totalMs ?? 0) > 1_600 ? [] : [event];

const rate: Change = (event, random) =>
  event.type === 'request.routed.v1' && random.uniform() < 0.3
    ? [event, deed(event, 'rating', random.uniform() < 0.5 ? 2 : 5)]
    : [event];

const silentlyUnhappy: Change = (event) =>
  event.type === 'feedback.recorded.v1' && (event.data.rating ?? 5) < 3 ? [] : [event];

const worse: Change = (event, random) =>
  event.type === 'image.scored.v1' && random.uniform() < 0.3
    ? withData(event, 'image.scored.v1', { quality: {} })
    : withData(event, 'image.scored.v1', { quality: { face: 0.6 + 0.1 * random.normal() } });

const judgedBy = (bounds: string, ofControl: number, ofCandidate: number): MetricAnalysis =>
  metric(
    analysed(
      {
        guardrails: ['{ metric: aesthetic, margin: -5% }'],
        metrics: [
          `{ name: aesthetic, path: image.scored.v1/quality.aesthetic, kind: mean, direction: higher, bounds: ${bounds} }`,
        ],
      },
      {
        both: (event, random) =>
          withData(event, 'image.scored.v1', {
            quality: {
              aesthetic:
                (event.data.assignment?.variant === 'candidate' ? ofCandidate : ofControl) + 0.4 * random.normal(),
            },
          }),
      },
    ),
    'aesthetic',
  );

const rare: Change = (event, random) =>
  event.type === 'generation.completed.v1' && random.uniform() < 0.004
    ? withData(event, event.type, { cost: 1_000 })
    : [event];

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

describe('values that are missing more often in one variant', () => {
  const FACES = ['{ name: faces, path: image.scored.v1/quality.face, kind: mean, direction: higher }'];

  it('make a field of the event unmeasurable: the good ones that are left prove nothing', () => {
    const analysis = analysed(
      { guardrails: ['{ metric: faces, margin: -5% }'], metrics: FACES },
      { both: face, candidate: withoutBad },
    );
    const { verdict, reason, withValue, lnE } = metric(analysis, 'faces');
    expect([verdict, reason]).toEqual(['unmeasurable', 'missing-more-often']);
    expect(withValue?.control).toBe(1);
    expect(withValue?.candidate).toBeCloseTo(0.79, 1);
    expect(lnE?.nonInferior).toBeLessThanOrEqual(0);
  });

  it('count once where the scorer says that it could not look', () => {
    const analysis = analysed(
      { guardrails: ['{ metric: alignment, margin: -5% }'] },
      {
        candidate: (event, random) =>
          random.uniform() < 1 / 3
            ? withData(event, 'image.scored.v1', { outcome: 'unavailable', alignment: null })
            : [event],
      },
    );
    const { reason, withValue } = metric(analysis, 'alignment');
    expect(reason).toBe('missing-more-often');
    expect(withValue?.control).toBe(1);
    expect(withValue?.candidate).toBeCloseTo(2 / 3, 1);
  });

  it('leave both variants measurable where they are missing alike', () => {
    const analysis = analysed(
      { guardrails: ['{ metric: faces, margin: -5% }'], metrics: FACES },
      { requests: 6_000, both: (event, random) => face(event, random).flatMap(withoutBad) },
    );
    expect(metric(analysis, 'faces')).toMatchObject({ verdict: 'non-inferior', reason: 'within-margin' });
  });

  it('are found by topic: generations that are not reported, though every picture was delivered and scored', () => {
    const guardrails = ['{ metric: cost-per-image, margin: +5% }', '{ metric: alignment, margin: -1% }'];
    const analysis = analysed({ guardrails }, { candidate: lossy });
    expect(metric(analysis, 'cost-per-image').reason).toBe('missing-more-often');
    expect(metric(analysis, 'cost-per-image').withValue?.candidate).toBeCloseTo(0.8, 1);
    expect(metric(analysis, 'alignment').reason).not.toBe('missing-more-often');
    expect(metric(analysed({ guardrails }, { both: lossy }), 'cost-per-image').reason).not.toBe('missing-more-often');
  });

  it('are found where a tail is so thin that it fits into the gap', () => {
    const guardrails = ['{ metric: slowest, margin: +10% }'];
    const metrics = ['{ name: slowest, path: generation.completed.v1/timings.totalMs, kind: p99, direction: lower }'];
    const analysis = analysed({ guardrails, metrics }, { requests: 10_000, candidate: slowLost });
    expect(metric(analysis, 'slowest')).toMatchObject({ verdict: 'unmeasurable', reason: 'missing-more-often' });
  });

  it('are found in what people give of their own accord', () => {
    const guardrails = ['{ metric: rating, margin: -10% }'];
    expect(metric(analysed({ guardrails }, { both: rate, candidate: silentlyUnhappy }), 'rating')).toMatchObject({
      verdict: 'unmeasurable',
      reason: 'missing-more-often',
    });
    expect(metric(analysed({ guardrails }, { both: rate }), 'rating').verdict).not.toBe('unmeasurable');
  });

  it('hide no harm that those that came have proven', () => {
    const analysis = analysed(
      { guardrails: ['{ metric: faces, margin: -5% }'], metrics: FACES },
      { both: face, candidate: worse },
    );
    expect(metric(analysis, 'faces').verdict).toBe('harmful');
  });
});

describe('bounds of another scale', () => {
  it('make constants of the values, and equal constants prove nothing', () => {
    for (const [ofControl, ofCandidate] of [
      [5.6, 3.1],
      [5.6, 5.6],
      [0.4, 5.6],
    ] as const) {
      expect(judgedBy('[0, 1]', ofControl, ofCandidate)).toMatchObject({
        verdict: 'unmeasurable',
        reason: 'outside-bounds',
      });
    }
  });

  it('are no trouble where most values lie inside', () => {
    expect(judgedBy('[1, 10]', 5.6, 3.1).verdict).toBe('harmful');
    expect(judgedBy('[1, 10]', 5.6, 5.6).verdict).toBe('non-inferior');
  });
});

function waits(event: RequestEvent, queueMs: () => number): readonly ObservedEvent[] {
  if (event.type !== 'generation.completed.v1') return [event];
  const timings = { ...event.data.timings, queueMs: queueMs() };
  return [{ ...event, data: { ...event.data, timings } }];
}

const queueing = (margin: string): MetricAnalysis => {
  const analysis = analysed(
    {
      guardrails: [`{ metric: queueing, margin: ${margin} }`],
      metrics: [
        '{ name: queueing, path: generation.completed.v1/timings.queueMs, kind: mean, direction: lower, unit: ms, cap: p99 }',
      ],
    },
    {
      both: (event) => waits(event, () => 0),
      candidate: (event, random) => waits(event, () => (random.uniform() < 0.05 ? 4_000 : 0)),
    },
  );
  return metric(analysis, 'queueing');
};

describe('a metric of the experiment’s own', () => {
  const OWN_P95 = '{ name: own-p95, path: request.routed.v1/durationMs, kind: p95, direction: lower, unit: ms }';
  const GUARDED = ['{ metric: own-p95, margin: +10% }', '{ metric: latency-p95, margin: +10% }'];

  it.each([
    ['a quarter times out', 0.25, { outcome: 'timed-out', status: null, durationMs: null }, 'harmful'],
    ['a third fails after 5 ms', 0.33, { outcome: 'server-error', status: 503, durationMs: 5 }, undefined],
  ] as const)('is a latency like the built-in one where %s', (_what, share, fate, verdict) => {
    const analysis = analysed(
      { guardrails: GUARDED, metrics: [OWN_P95] },
      {
        candidate: (event, random) =>
          random.uniform() < share ? withData(event, 'request.routed.v1', fate as never) : [event],
      },
    );
    const { metric: _own, ...own } = metric(analysis, 'own-p95');
    const { metric: _builtIn, ...builtIn } = metric(analysis, 'latency-p95');
    expect(own).toEqual(builtIn);
    expect(own.verdict).not.toBe('superior');
    if (verdict !== undefined) expect(own.verdict).toBe(verdict);
  });

  it('misses what never came where it is a mean', () => {
    const analysis = analysed(
      {
        guardrails: ['{ metric: mean-latency, margin: +10% }'],
        metrics: ['{ name: mean-latency, path: request.routed.v1/durationMs, kind: mean, direction: lower }'],
      },
      {
        candidate: (event) =>
          event.type === 'request.routed.v1' && (event.data.durationMs ?? 0) > 1_000
            ? withData(event, 'request.routed.v1', { outcome: 'timed-out', status: null, durationMs: null })
            : [event],
      },
    );
    expect(metric(analysis, 'mean-latency')).toMatchObject({ verdict: 'unmeasurable', reason: 'missing-more-often' });
  });

  it('counts the events that it names, and no others', () => {
    const analysis = analysed(
      {
        guardrails: ['{ metric: mobile, margin: +10% }', '{ metric: failures, margin: +10% }'],
        metrics: [
          '{ name: mobile, path: generation.completed.v1/cost, kind: mean, direction: lower, where: { config.app: [mobile, tablet] } }',
          '{ name: failures, path: request.routed.v1/status, kind: mean, direction: lower, where: { outcome: server-error } }',
        ],
      },
      {
        both: (event, random) => {
          const app = random.uniform() < 0.5 ? 'mobile' : 'desktop';
          const cost = app === 'mobile' ? 3 : 100;
          return event.type === 'generation.completed.v1'
            ? withData(event, event.type, { cost, config: { ...event.data.config, app } })
            : [event];
        },
      },
    );
    expect(metric(analysis, 'mobile').estimate).toMatchObject({ control: 3, candidate: 3 });
    expect(metric(analysis, 'failures').estimate).toMatchObject({ control: 500, candidate: 500 });
  });

  it('takes a probability for a number, and a number between 0 and 1 for no event that happened', () => {
    const analysis = analysed(
      {
        guardrails: ['{ metric: nsfw, margin: +5pp }', '{ metric: nsfw-rate, margin: +5pp }'],
        metrics: [
          '{ name: nsfw, path: image.scored.v1/quality.nsfw, kind: probability, direction: lower }',
          '{ name: nsfw-rate, path: image.scored.v1/quality.nsfw, kind: rate, direction: lower }',
        ],
      },
      {
        both: (event) => withData(event, 'image.scored.v1', { quality: { nsfw: 0.03 } }),
        candidate: (event) => withData(event, 'image.scored.v1', { quality: { nsfw: 0.4 } }),
      },
    );
    expect(metric(analysis, 'nsfw')).toMatchObject({ verdict: 'harmful', unit: '' });
    provesNothing(analysis, 'nsfw-rate');
  });

  it('is cut to a quantile of control where it says so, in both variants alike', () => {
    const metrics = ['mean', 'mean, cap: p99'].map(
      (kind, index) => `{ name: cost-${index}, path: generation.completed.v1/cost, kind: ${kind}, direction: lower }`,
    );
    const analysis = analysed(
      { guardrails: ['{ metric: cost-0, margin: +10% }', '{ metric: cost-1, margin: +10% }'], metrics },
      { both: rare },
    );
    expect(metric(analysis, 'cost-0').estimate.control).toBeGreaterThan(1);
    expect(metric(analysis, 'cost-1').estimate.control).toBeLessThan(0.01);
    expect(metric(analysis, 'cost-1').verdict).toBe('non-inferior');
  });

  it('is not cut to 0 where control is always 0: what the candidate has stays', () => {
    expect(queueing('+5%')).toMatchObject({ verdict: 'unmeasurable', reason: 'zero-control' });
    const absolute = queueing('+20ms');
    expect(absolute.estimate.candidate).toBeGreaterThan(50);
    expect(absolute.verdict).not.toBe('non-inferior');
  });
});
