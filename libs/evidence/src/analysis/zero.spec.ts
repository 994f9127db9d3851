import type { ExperimentSpec, Guardrail, MetricAnalysis, OwnMetric } from '#libs/contracts';
import { analysisOf, definition, fullTraffic } from '#libs/testing/traffic';
import { simulationRandom } from '#libs/testing/random';
import { describe, expect, it } from 'vitest';
import { evidenceDesign, type ObservedEvent } from '../index.js';
import type { Analysis } from './analyse.js';

type Generation = Extract<ObservedEvent, { readonly type: 'generation.completed.v1' }>['data'];
type Change = (event: ObservedEvent, isCandidate: boolean) => ObservedEvent | null;

interface Case {
  readonly spec: Partial<ExperimentSpec>;
  readonly change?: Change;
  readonly requests?: number;
  readonly candidate?: Parameters<typeof fullTraffic>[0] extends { candidate?: infer C } ? C : never;
}

function analysed({ spec, change = (event) => event, requests = 900, candidate = {} }: Case): Analysis {
  const design = evidenceDesign(definition({ ...spec, baselineUnits: 100 }), 2);
  const named = [...(spec.guardrails ?? []), ...(spec.objectives ?? [])].map(({ metric }) => metric);
  const topics = design.metrics
    .filter(({ definition: { name } }) => named.includes(name))
    .map((m) => m.definition.topic);
  const events = trafficOf(requests, candidate).flatMap((event) => {
    if (event.type === 'preference.judged.v1') return [];
    if (event.type !== 'request.routed.v1' && !topics.includes(event.type)) return [];
    return change(event, event.data.assignment?.variant === 'candidate') ?? [];
  });
  return analysisOf(design, events, 2);
}

const drawn = new Map<string, readonly ObservedEvent[]>();

function trafficOf(requests: number, candidate: Case['candidate']): readonly ObservedEvent[] {
  const key = JSON.stringify([requests, candidate]);
  const events = drawn.get(key) ?? fullTraffic({ requests, share: 0.5, ...(candidate ? { candidate } : {}) });
  drawn.set(key, events);
  return events;
}

function guardedBy(
  margin: Guardrail['margin'],
  metric: string,
  rest: Omit<Case, 'spec'>,
  own: OwnMetric[] = [],
): MetricAnalysis {
  const spec = { guardrails: [{ metric, margin, rollbackOn: 'beyond-margin' as const }], metrics: own };
  const found = analysed({ spec, ...rest }).metrics.find((analysis) => analysis.metric === metric);
  return found as MetricAnalysis;
}

const generations =
  (change: (data: Generation, isCandidate: boolean) => Partial<Generation>): Change =>
  (event, isCandidate) =>
    event.type === 'generation.completed.v1'
      ? { ...event, data: { ...event.data, ...change(event.data, isCandidate) } }
      : event;

const percent = (value: number, floor?: number): Guardrail['margin'] => ({
  kind: 'relative',
  value: value / 100,
  ...(floor === undefined ? {} : { floor }),
});

const own = (name: string, changes: Partial<OwnMetric>): OwnMetric => ({
  name,
  topic: 'image.scored.v1',
  path: 'quality.clean',
  kind: 'mean',
  level: null,
  per: null,
  direction: 'higher',
  unit: '',
  margin: null,
  bounds: null,
  ...changes,
});

const withoutFeedbackOf =
  (whose: 'everybody' | 'control'): Change =>
  (event, isCandidate) =>
    event.type === 'feedback.recorded.v1' && !(whose === 'control' && isCandidate) ? null : event;

const neverFails: Change = (event) =>
  event.type === 'request.routed.v1'
    ? { ...event, data: { ...event.data, outcome: 'delivered', durationMs: 800 } }
    : event;

const equallyAligned: Change = (event) =>
  event.type === 'image.scored.v1' ? { ...event, data: { ...event.data, alignment: 0.3 } } : event;

/** Control’s pictures, each of which fits better than all before; the candidate’s fit badly. */
const betterAndBetter = (): Change => {
  let pictures = 0;
  return (event, isCandidate) => {
    if (event.type !== 'image.scored.v1') return event;
    const alignment = isCandidate ? 0.1 : 0.3 + 0.0005 * pictures++;
    return { ...event, data: { ...event.data, alignment } };
  };
};

const around = (mean: number): Change => {
  const random = simulationRandom(5);
  return (event) =>
    event.type === 'image.scored.v1'
      ? { ...event, data: { ...event.data, quality: { clean: mean + random.normal() } } }
      : event;
};

const memory = (candidateMiB: number, controlMiB = 10_240): Change =>
  generations(({ gpu }, isCandidate) => ({ gpu: { ...gpu, memoryMiB: isCandidate ? candidateMiB : controlMiB } }));

const utilityOf = (objectives: ExperimentSpec['objectives'], rest: Omit<Case, 'spec'>) =>
  analysed({ spec: { kind: 'ab', guardrails: [], objectives }, ...rest }).objectives?.candidates[0];

const oneMetric = (metric: string) => [{ metric, weight: 1 }];

describe('a metric that is 0 in both variants', () => {
  const free = generations(() => ({ cost: 0 }));
  const noSeconds = generations(({ gpu }) => ({ gpu: { ...gpu, seconds: 0 } }));
  const noQueue = generations(({ timings }) => ({ timings: { ...timings, queueMs: 0 } }));

  it.each([
    ['cost-per-image', percent(5), free],
    ['cost-per-image', percent(5, 0.000_01), free],
    ['gpu-seconds', percent(5), noSeconds],
    ['gpu-seconds-per-image', percent(5), noSeconds],
    ['gpu-seconds-per-image', percent(5, 0.001), noSeconds],
    ['queue-time-p95', percent(25), noQueue],
    ['queue-time-p95', percent(25, 10), noQueue],
  ])('stays within a percentage, and the reason says why: %s %o', (metric, margin, change) => {
    const found = guardedBy(margin, metric, { change });
    expect([found.verdict, found.reason]).toEqual(['non-inferior', 'both-zero']);
    expect(found.budget.every(({ nonInferior }) => nonInferior)).toBe(true);
  });

  it('is a rate of nothing: a floor lets the proof come without a single event; of a deed that nobody does nothing is known', () => {
    const failing = guardedBy(percent(50, 0.02), 'error-rate', { change: neverFails });
    expect([failing.verdict, failing.reason]).toEqual(['non-inferior', 'both-zero']);
    expect(guardedBy(percent(50), 'error-rate', { change: neverFails }).verdict).toBe('undecided');
    const downloads = guardedBy(percent(10), 'download-rate', { change: withoutFeedbackOf('everybody') });
    expect(downloads.verdict).toBe('undecided');
  });

  it('needs enough units: what has been 0 ten times may be anything', () => {
    expect(guardedBy(percent(5), 'cost-per-image', { change: free, requests: 300 }).verdict).toBe('undecided');
  });
});

describe('a metric of which control’s value is 0', () => {
  it('has no percentage: half a millisecond is no harm, and nothing is proven either', () => {
    const random = simulationRandom(3);
    const change = generations(({ timings }, isCandidate) => ({
      timings: { ...timings, queueMs: random.uniform() < (isCandidate ? 0.2 : 0.03) ? 0.5 : 0 },
    }));
    const bare = guardedBy(percent(25), 'queue-time-p95', { change });
    expect([bare.verdict, bare.reason]).toEqual(['unmeasurable', 'zero-control']);
    const floored = guardedBy(percent(25, 10), 'queue-time-p95', { change });
    expect([floored.verdict, floored.reason]).toEqual(['non-inferior', 'within-margin']);
  });

  it('still lets a floor find harm', () => {
    const change = generations(({ timings }, isCandidate) => ({
      timings: { ...timings, queueMs: isCandidate ? 200 : 0 },
    }));
    expect(guardedBy(percent(25, 10), 'queue-time-p95', { change }).verdict).toBe('harmful');
    const random = simulationRandom(5);
    const paid = generations((_data, isCandidate) => ({ cost: isCandidate || random.uniform() < 0.05 ? 0.01 : 0 }));
    expect(guardedBy(percent(5, 0.000_01), 'cost-per-image', { change: paid }).verdict).toBe('harmful');
  });

  it('is not compared where control reports 0 throughout and the candidate does not: one of them measures nothing', () => {
    const paid = generations((_data, isCandidate) => ({ cost: isCandidate ? 0.01 : 0 }));
    for (const margin of [percent(5, 0.000_01), percent(5)])
      expect(guardedBy(margin, 'cost-per-image', { change: paid }).verdict).toBe('unmeasurable');
  });
});

describe('a mean that is negative or near 0', () => {
  it.each([[0], [-0.022], [-5]])('has no percentage, and says so: mean %d', (mean) => {
    const found = guardedBy(percent(10), 'score', { change: around(mean) }, [own('score', {})]);
    expect([found.verdict, found.reason, found.margin]).toEqual(['unmeasurable', 'zero-control', 0]);
  });

  it('is judged by its floor, and by a percentage where it is large enough', () => {
    const floored = guardedBy(percent(10, 0.5), 'score', { change: around(-5), requests: 6_000 }, [own('score', {})]);
    expect([floored.verdict, floored.margin]).toEqual(['non-inferior', 0.5]);
    const found = guardedBy(percent(10), 'score', { change: around(5), requests: 6_000 }, [own('score', {})]);
    expect([found.verdict, found.margin]).toEqual(['non-inferior', expect.closeTo(0.5, 1)]);
  });
});

describe('a tail in which nothing happens', () => {
  it('is within its margin where all values are equal, and harmful where the candidate’s are larger', () => {
    const vram = own('vram', {
      topic: 'generation.completed.v1',
      path: 'gpu.memoryMiB',
      kind: 'upper-tail',
      level: 0.95,
      direction: 'lower',
    });
    const equal = guardedBy(percent(5), 'vram', { change: memory(10_240) }, [vram]);
    expect([equal.verdict, equal.reason]).toEqual(['non-inferior', 'within-margin']);
    // Whatever stands for the bucket of control's, which is 1 % wide: 7 % more is more than 5 %.
    for (const size of [10_240, 10_260, 10_290, 10_330]) {
      const larger = guardedBy(percent(5), 'vram', { change: memory(1.07 * size, size) }, [vram]);
      expect(larger.verdict).toBe('harmful');
    }
  });

  it('is within its margin where all scores are equal', () => {
    expect(guardedBy(percent(50), 'wrong-pictures', { change: equallyAligned }).verdict).toBe('non-inferior');
  });
});

describe('control’s own tail without an end', () => {
  it('makes no better candidate wait', () => {
    const random = simulationRandom(7);
    const change: Change = (event, isCandidate) =>
      event.type === 'request.routed.v1' && !isCandidate && random.uniform() < 0.12
        ? { ...event, data: { ...event.data, outcome: 'timed-out', status: null, durationMs: null } }
        : event;
    const found = guardedBy(percent(10), 'latency-p95', { change, requests: 2_500 });
    expect([found.verdict, found.reason]).toEqual(['superior', 'better-than-control']);
  });
});

describe('objectives where control’s value is 0', () => {
  it('count deeds that only the candidate’s people do by percentage points, and say who is better', () => {
    const found = utilityOf(oneMetric('download-rate'), { change: withoutFeedbackOf('control') });
    expect(found?.gains[0]).toMatchObject({ missing: null, isPoints: true });
    expect(found?.utility).toMatchObject({ verdict: 'better', reason: 'better-than-control' });
    expect(found?.utility.estimate).toBeCloseTo(0.2, 1);
    expect(found?.utility.interval?.high).toBeLessThan(0.5);
    const worse = utilityOf(oneMetric('regenerate-rate'), { change: withoutFeedbackOf('control') });
    expect(worse?.utility.verdict).toBe('worse');
  });

  it('count wrong pictures that only the candidate draws by percentage points', () => {
    const found = utilityOf(oneMetric('wrong-pictures'), { change: betterAndBetter() });
    expect(found?.gains[0]).toMatchObject({ isPoints: true });
    expect(found?.utility.estimate).toBeGreaterThanOrEqual(-1);
    expect(found?.utility.verdict).toBe('worse');
  });

  it('count by control’s share again as soon as it is not 0', () => {
    const found = utilityOf(oneMetric('download-rate'), {});
    expect(found?.gains[0]).not.toHaveProperty('isPoints');
  });

  it.each([
    ['never', 0],
    ['once in a thousand requests of the candidate', 0.001],
  ])('take nothing away where errors happen %s', (_when, share) => {
    const random = simulationRandom(11);
    const change: Change = (event, isCandidate) => {
      if (event.type !== 'request.routed.v1') return event;
      const outcome = isCandidate && random.uniform() < share ? 'server-error' : 'delivered';
      return { ...event, data: { ...event.data, outcome, durationMs: 800 } };
    };
    const objectives = [
      { metric: 'alignment', weight: 3 },
      { metric: 'error-rate', weight: 1 },
    ];
    const found = utilityOf(objectives, { change, candidate: { alignment: 0.33 }, requests: 2_500 });
    expect(found?.utility.verdict).toBe('better');
    expect(found?.gains[1]?.estimate).toBeCloseTo(-share, 2);
  });

  it('wait for units before a rate counts as 0', () => {
    expect(utilityOf(oneMetric('error-rate'), { change: neverFails, requests: 200 })?.utility.reason).toBe(
      'no-interval: error-rate',
    );
  });
});
