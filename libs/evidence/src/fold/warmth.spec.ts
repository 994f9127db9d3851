import type { ExperimentSpec, MetricAnalysis, OwnMetric } from '#libs/contracts';
import type { Arm } from '#libs/statistics';
import { simulationRandom } from '#libs/testing/random';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { describe, expect, it } from 'vitest';
import { analyse } from '../analysis/analyse.js';
import { evidenceDesign, type WarmUpRule } from '../catalogue/evidence-design.js';
import { decodeEvidence, encodeEvidence, type EncodedEvidence } from '../snapshot/evidence-codec.js';
import { type Evidence, initialEvidence } from './evidence.js';
import { foldEvent } from './fold-event.js';
import type { RequestEvent } from './observe-metrics.js';
import {
  decodeWarmthByTopic,
  type EncodedWarmthByTopic,
  encodeWarmthByTopic,
  initialWarmth,
  isFirstOfInstance,
  isWarmingUp,
  noteAnswer,
  type Warmth,
} from './warmth.js';

const RULE: WarmUpRule = { requests: 3, forMs: 60_000 };

/** For each answer of variant a whether its latency is left out, in turn: `w` waits for somebody, `f` is the first of an instance, `.` is judged. */
function answers(warmth: Warmth, said: readonly (readonly [second: number, instance?: string])[]): string {
  return said
    .map(([second, instance]) => {
      const answer = { variant: 'a', instance, atMs: 1_000 * second };
      const isWaiting = isWarmingUp(warmth, RULE, 'a', answer.atMs);
      const isFirst = !isWaiting && isFirstOfInstance(warmth, RULE, answer);
      noteAnswer(warmth, RULE, answer);
      return isWaiting ? 'w' : isFirst ? 'f' : '.';
    })
    .join('');
}

function every(seconds: number, count: number, begin = 0): readonly (readonly [number])[] {
  return Array.from({ length: count }, (_, index) => [begin + seconds * index]);
}

/** Of three instances in turn. */
function ofThree(seconds: number, count: number, begin = 0): readonly (readonly [number, string])[] {
  return every(seconds, count, begin).map(([second], index) => [second, `pod-${index % 3}`]);
}

describe('a variant', () => {
  it('is waited for until it was heard, and for its first requests', () => {
    expect(isWarmingUp(new Map(), RULE, 'a', 0)).toBe(true);
    expect(answers(new Map(), every(1, 5))).toBe('www..');
  });

  it('is not waited for longer than the time', () => {
    expect(answers(new Map(), [[0], [59], [60]])).toBe('ww.');
  });

  it('starts anew after a long silence', () => {
    const warmth: Warmth = new Map();
    answers(warmth, every(1, 20));
    expect(isWarmingUp(warmth, RULE, 'a', 300_000)).toBe(false);
    expect(isWarmingUp(warmth, RULE, 'a', 330_000)).toBe(true);
    expect(answers(warmth, every(1, 5, 400))).toBe('www..');
  });

  it('is not silent where its requests are rare', () => {
    expect(answers(new Map(), every(900, 30))).toBe(`ww${'.'.repeat(28)}`);
  });

  it('whose clock runs into another year and back is judged on', () => {
    const times = [...every(1, 10), [2e9] as const, ...every(1, 10, 10)];
    expect(answers(new Map(), times).slice(-8)).toBe('........');
  });

  it('starts once, with all instances that start with it', () => {
    expect(answers(new Map(), ofThree(1, 12))).toBe('wwwwwwwww...');
  });
});

describe('an instance that joins a variant', () => {
  it('is left out with its first request, and waited for during the next ones', () => {
    const warmth: Warmth = new Map();
    answers(warmth, ofThree(1, 300));
    const joined = [
      [300, 'new'],
      [301, 'pod-1'],
      [302, 'new'],
      [303, 'pod-2'],
      [304, 'new'],
      [305, 'new'],
    ] as const;
    expect(answers(warmth, joined)).toBe('fwwww.');
  });

  it('that is silent for long and comes back has started anew', () => {
    const warmth: Warmth = new Map();
    answers(warmth, ofThree(1, 300));
    const without = every(1, 400, 300).map(([second]) => [second, `pod-${second % 2}`] as const);
    expect(answers(warmth, without)).not.toMatch(/[wf]/);
    expect(answers(warmth, [[700, 'pod-2']])).toBe('f');
  });

  it('is one of many that answer rarely, each', () => {
    const rare = every(20, 2_000).map(([second], index) => [second, `pod-${index % 50}`] as const);
    expect(answers(new Map(), rare).slice(100)).not.toMatch(/[wf]/);
  });

  it('leaves out a fifth and a fiftieth at most, however many come, and no memory grows', () => {
    const warmth: Warmth = new Map();
    answers(warmth, ofThree(0.1, 300));
    const made = every(0.1, 4_000, 100).map(([second], index) => [second, `made-up-${index}`] as const);
    const left = answers(warmth, made);
    expect(left.replaceAll(/[^w]/g, '').length).toBeLessThanOrEqual(0.2 * 4_300 + 25 * RULE.requests);
    expect(left.replaceAll(/[^f]/g, '').length).toBeLessThanOrEqual(3 + 0.02 * 4_300);
    const { starting, instances } = warmth.get('a')!;
    expect([starting.size <= 64, instances.size <= 128]).toEqual([true, true]);
  });

  it('is known after a restart of the analyzer', () => {
    const byTopic = initialWarmth();
    const { 'request.routed.v1': warmth } = byTopic;
    answers(warmth, [...ofThree(1, 100), [100, 'new'], [101]]);
    const encoded = JSON.stringify(encodeWarmthByTopic(byTopic));
    const { 'request.routed.v1': restored } = decodeWarmthByTopic(JSON.parse(encoded) as EncodedWarmthByTopic);
    expect(restored).toEqual(warmth);
    const next = [
      [102, 'new'],
      [103, 'newer'],
      [104, 'pod-1'],
    ] as const;
    expect(answers(restored, next)).toBe(answers(warmth, next));
  });
});

const warmUp = { requests: 20, forMs: 60_000 };

/** What an answer is changed to; `count` of its variant came before. */
type Change = (event: RequestEvent, count: number) => RequestEvent;

/** Traffic in which each event of a variant is changed. */
function traffic(
  requests: number,
  changes: { readonly control?: Change; readonly candidate?: Change },
  seed = 3,
): readonly RequestEvent[] {
  const simulated = new SimulatedTraffic(seed);
  simulated.candidateShare = 0.05;
  const counts = { control: 0, candidate: 0 };
  return Array.from({ length: requests }, () => {
    const events = simulated.next();
    const variant = events[0]?.data.assignment?.variant as 'control' | 'candidate';
    const changed = events.map((event) => changes[variant]?.(event, counts[variant]) ?? event);
    counts[variant] += 1;
    return changed;
  }).flat();
}

function designOf(spec: Partial<ExperimentSpec>) {
  return evidenceDesign(definition({ unit: 'request', episodes: 'off', ...spec }), 1);
}

function folded(events: readonly RequestEvent[], spec: Partial<ExperimentSpec>): Evidence {
  const design = designOf(spec);
  const evidence = initialEvidence(design);
  for (const event of events) foldEvent(evidence, design, event);
  return evidence;
}

const known = new Map<readonly RequestEvent[], Map<string, readonly MetricAnalysis[]>>();

/** Each analysis is made once. */
function judged(metric: string, events: readonly RequestEvent[], spec: Partial<ExperimentSpec>): MetricAnalysis {
  const ofEvents = known.get(events) ?? new Map<string, readonly MetricAnalysis[]>();
  known.set(events, ofEvents);
  const key = JSON.stringify(spec);
  const metrics = ofEvents.get(key) ?? analyse(folded(events, spec), designOf(spec), 0).metrics;
  ofEvents.set(key, metrics);
  return metrics.find((found) => found.metric === metric) as MetricAnalysis;
}

function slow(event: RequestEvent): RequestEvent {
  switch (event.type) {
    case 'request.routed.v1':
      return { ...event, data: { ...event.data, durationMs: 9_000 } };
    case 'generation.completed.v1':
      return { ...event, data: { ...event.data, timings: { queueMs: 8_000, inferenceMs: 9_000, totalMs: 9_500 } } };
    default:
      return event;
  }
}

function failed(event: RequestEvent): RequestEvent {
  if (event.type !== 'request.routed.v1') return event;
  return { ...event, data: { ...event.data, outcome: 'server-error', status: 500, durationMs: null } };
}

function from(event: RequestEvent, instance: string): RequestEvent {
  if (event.type !== 'request.routed.v1' && event.type !== 'generation.completed.v1') return event;
  return { ...event, data: { ...event.data, instance } } as RequestEvent;
}

function ownMetric(name: string, kind: 'mean' | 'upper-tail' | 'ratio'): OwnMetric {
  return {
    name,
    topic: 'generation.completed.v1' as const,
    path: 'timings.totalMs',
    kind,
    level: kind === 'upper-tail' ? 0.9 : null,
    per: kind === 'ratio' ? 'gpu.seconds' : null,
    direction: 'lower' as const,
    unit: 'ms',
    margin: { kind: 'relative' as const, value: 0.1 },
    bounds: null,
  };
}

describe('a cold start of the candidate', () => {
  const events = traffic(900, { candidate: (event, count) => (count < 15 ? slow(event) : event) });

  it.each(['latency-p95', 'inference-latency-p95', 'queue-time-p95'])('is no harm by %s', (metric) => {
    const guardrails = [
      { metric, margin: { kind: 'relative', value: 0.1, floor: 10 }, rollbackOn: 'beyond-margin' },
    ] as const;
    expect(judged(metric, events, { warmUp: 'off', guardrails: [...guardrails] }).verdict).toBe('harmful');
    expect(judged(metric, events, { warmUp, guardrails: [...guardrails] }).verdict).toBe('undecided');
  });

  it('is left out where nothing is said of it', () => {
    const { warmUp: _off, ...spec } = definition({ unit: 'request', episodes: 'off' }).spec;
    const design = evidenceDesign({ ...definition(), spec }, 1);
    const evidence = initialEvidence(design);
    for (const event of events) foldEvent(evidence, design, event);
    const [latency] = analyse(evidence, design, 0).metrics.filter(({ metric }) => metric === 'latency-p95');
    expect([latency?.verdict, latency?.warmUp?.candidate]).toEqual(['undecided', 20]);
  });

  it('is said with the values that were left out of either variant, and they are not missing', () => {
    const { warmUp: cold, withValue } = judged('latency-p95', events, { warmUp });
    // A request that failed has no latency that could be left out.
    expect(cold?.candidate).toBeGreaterThan(15);
    expect(cold?.candidate).toBeLessThanOrEqual(20);
    // Else control's slow requests would go on being counted while the candidate can have none.
    expect(cold?.control).toBeGreaterThan(200);
    expect(withValue).toEqual({ control: 1, candidate: 1 });
  });

  it('counts in everything that is no duration', () => {
    const names = ['error-rate', 'delivery-rate', 'alignment', 'cost-per-image', 'gpu-seconds', 'flagged-rate'];
    for (const name of names)
      expect(judged(name, events, { warmUp }), name).toEqual(judged(name, events, { warmUp: 'off' }));
  });

  it('is harm where it fails', () => {
    const failing = traffic(900, { candidate: (event, count) => (count < 15 ? failed(event) : event) });
    expect(judged('error-rate', failing, { warmUp }).verdict).toBe('harmful');
  });

  it('does not hide a candidate that stays slow', () => {
    expect(judged('latency-p95', traffic(900, { candidate: slow }), { warmUp }).verdict).toBe('harmful');
  });

  it('after which nothing comes leaves latency unjudged', () => {
    const { reason, verdict } = judged('latency-p95', events, { warmUp: { requests: 5_000, forMs: 1e9 } });
    expect([verdict, reason]).toEqual(['undecided', 'no-data']);
  });

  it('breaks no absolute limit', () => {
    const limits = [{ metric: 'latency-p95', kind: 'at-most', value: 3_000 } as const];
    const long = traffic(900, { candidate: (event, count) => (count < 20 ? slow(event) : event) });
    expect(judged('latency-p95', long, { limits, warmUp }).limit?.candidate.isBrokenNow).toBe(false);
    expect(judged('latency-p95', long, { limits, warmUp }).limit?.candidate.verdict).not.toBe('beyond');
    expect(judged('latency-p95', long, { limits, warmUp: 'off' }).limit?.candidate.verdict).toBe('beyond');
  });

  it('is left out of durations of one’s own, but of sums per unit', () => {
    const metrics = [
      ownMetric('mean-of-all', 'mean'),
      ownMetric('tail-of-all', 'upper-tail'),
      ownMetric('per-second', 'ratio'),
    ];
    const left = metrics.map(({ name }) => judged(name, events, { metrics, warmUp }).warmUp !== undefined);
    expect(left).toEqual([true, true, false]);
  });
});

/** Places of a deployment whose pod is replaced after so many requests; its first 8 are slow. */
function byPod(name: string, pods: number, life: number): Change {
  return (event, count) => {
    const age = Math.floor(count / pods);
    const named = from(event, `${name}-${count % pods}-${Math.floor(age / life)}`);
    return age % life < 8 ? slow(named) : named;
  };
}

describe('pods that start now and then', () => {
  const events = traffic(3_000, { candidate: byPod('candidate', 1, 60), control: byPod('control', 5, 570) }).filter(
    ({ type }) => type === 'request.routed.v1',
  );
  const rule = { requests: 8, forMs: 60_000 };

  it('are no harm where their events say which pod it was', () => {
    expect(judged('latency-p95', events, { warmUp: 'off' }).verdict).toBe('harmful');
    const { verdict, warmUp: cold } = judged('latency-p95', events, { warmUp: rule });
    expect(verdict).not.toBe('harmful');
    // The candidate's own part, and with it as large a part of control.
    const [ofControl, ofCandidate] = [cold!.control / 2_850, cold!.candidate / 150];
    expect(ofControl).toBeGreaterThan(0.1);
    expect(Math.abs(ofControl - ofCandidate)).toBeLessThan(0.06);
  });

  it('are judged where their events don’t say it, but for the first start', () => {
    const nameless = events.map((event) =>
      'instance' in event.data ? ({ ...event, data: { ...event.data, instance: undefined } } as RequestEvent) : event,
    );
    expect(judged('latency-p95', nameless, { warmUp: rule }).verdict).toBe('harmful');
  });
});

/** Events whose pods come, go and repeat as chance has it. */
function irregular(seed: number): readonly RequestEvent[] {
  const random = simulationRandom(seed);
  return traffic(150, {}, seed).map((event) => {
    const at = Date.parse(event.time) + (random.uniform() < 0.01 ? 400_000 : 0);
    const moved = { ...event, time: new Date(at).toISOString() };
    const pod = Math.floor(6 * random.uniform() + Date.parse(event.time) / 1_000);
    return random.uniform() < 0.3 ? moved : from(moved, `pod-${pod}`);
  });
}

function leftOutOf(evidence: Evidence): Readonly<Record<Arm, number>> | undefined {
  return evidence.pairs.get('candidate')?.cold.get('latency-p50');
}

function sum(of: Evidence): number {
  return (leftOutOf(of)?.control ?? 0) + (leftOutOf(of)?.candidate ?? 0);
}

describe('what is left out', () => {
  const rule: Partial<ExperimentSpec> = { warmUp: { requests: 4, forMs: 60_000 } };

  it('follows from the past alone: the same event is left out or judged whichever arm it is of', () => {
    const design = designOf(rule);
    let left = 0;
    for (const seed of [1, 2, 3]) {
      const evidence = initialEvidence(design);
      for (const event of irregular(seed)) {
        if (event.type === 'request.routed.v1' && event.data.instance === undefined) {
          const ofBoth = ['control', 'candidate'].map((variant) => {
            const copy = {
              ...initialEvidence(design),
              warmth: decodeWarmthByTopic(encodeWarmthByTopic(evidence.warmth)),
            };
            const assignment = { ...event.data.assignment!, variant };
            const data = { ...event.data, outcome: 'delivered', durationMs: 1, assignment } as const;
            foldEvent(copy, design, { ...event, data });
            return sum(copy);
          });
          expect(ofBoth[0]).toBe(ofBoth[1]);
          left += ofBoth[0] as number;
        }
        foldEvent(evidence, design, event);
      }
    }
    expect(left).toBeGreaterThan(20);
  });

  it('changes its arm with the variants', () => {
    for (const seed of [4, 5]) {
      const events = irregular(seed);
      const swapped = events.map((event) => {
        const { variant } = event.data.assignment!;
        const other = variant === 'control' ? 'candidate' : 'control';
        return { ...event, data: { ...event.data, assignment: { ...event.data.assignment!, variant: other } } };
      }) as readonly RequestEvent[];
      const [usual, mirrored] = [events, swapped].map((of) => leftOutOf(folded(of, rule)));
      expect(usual!.candidate).toBeGreaterThan(0);
      expect(mirrored).toEqual({ control: usual?.candidate, candidate: usual?.control });
    }
  });

  it('is the same after a restart in mid-stream', () => {
    const design = designOf(rule);
    const events = irregular(6);
    const whole = folded(events, rule);
    for (const cut of [3, 200]) {
      const first = folded(events.slice(0, cut), rule);
      const written = JSON.parse(JSON.stringify(encodeEvidence(first))) as EncodedEvidence;
      const restored = decodeEvidence(design, written, [first.units.takeChanges()]);
      for (const event of events.slice(cut)) foldEvent(restored, design, event);
      expect(encodeEvidence(restored)).toEqual(encodeEvidence(whole));
    }
  });
});
