import type { ExperimentSpec, OwnMetric, TeststripEvent } from '#libs/contracts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import { type Behaviour, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { analyse } from '../analysis/analyse.js';
import { evidenceDesign } from '../catalogue/evidence-design.js';
import { initialEvidence } from '../fold/evidence.js';
import { foldEvent } from '../fold/fold-event.js';
import type { RequestEvent } from '../fold/observe-metrics.js';
import {
  decodeEpisodes,
  encodeEpisodes,
  type EpisodeEvent,
  type EpisodeRule,
  initialEpisodes,
  isLeftOut,
  noteBadEvent,
} from './episodes.js';

/** Folds events of which some are bad. @returns places of those that were left out. */
function leftOutOf(events: readonly (EpisodeEvent & { readonly isBad: boolean })[], rule: EpisodeRule) {
  const episodes = initialEpisodes();
  return events.flatMap((event, index) => {
    const isOut = isLeftOut(episodes, rule, event);
    if (!isOut && event.isBad) noteBadEvent(episodes, rule, event);
    return isOut ? [index] : [];
  });
}

function drawn(seed: number, count: number, { share, badShare }: { share: number; badShare: number }) {
  const random = simulationRandom(seed);
  return Array.from({ length: count }, (_, index) => ({
    arm: random.uniform() < share ? ('candidate' as const) : ('control' as const),
    propensity: share,
    atMs: 10 * index,
    isBad: random.uniform() < badShare,
  }));
}

describe('the fifth that is left out after bad events', () => {
  it('is a fifth at most, whatever the share and however rare bad events are', () => {
    const share = fc.constantFrom(0.01, 0.05, 0.5, 0.8, 0.99);
    const property = fc.property(fc.nat(1_000), share, fc.constantFrom(0.01, 0.05, 0.3), (seed, of, badShare) => {
      const events = drawn(seed, 40_000, { share: of, badShare });
      const bad = events.filter(({ arm, isBad }) => isBad && (arm === 'candidate') === of <= 0.5).length;
      const part = leftOutOf(events, 'fifth').length / events.length;
      expect(part).toBeLessThan(bad < 30 ? 0.4 : 0.23);
      if (bad > 100) expect(part).toBeGreaterThan(0.1);
    });
    fc.assert(property, { numRuns: 40, seed: 1 });
  });

  it('covers as many of the minority’s events at one share as at another', () => {
    const covered = [0.01, 0.2].map((share) => {
      const events = drawn(5, 60 / share / 0.05, { share, badShare: 0.05 });
      return leftOutOf(events, 'fifth').length * share;
    });
    expect((covered[0] ?? 0) / (covered[1] ?? 1)).toBeCloseTo(1, 0);
  });

  it('is next to nothing where every event of the candidate is bad', () => {
    const events = drawn(2, 5_000, { share: 0.1, badShare: 1 });
    const candidates = events.flatMap(({ arm }, index) => (arm === 'candidate' ? [index] : []));
    const out = new Set(leftOutOf(events, 'fifth'));
    expect(candidates.filter((index) => out.has(index)).length).toBeLessThan(0.25 * candidates.length);
  });

  it('begins with the minority’s bad events only', () => {
    const controls = drawn(3, 4_000, { share: 0.1, badShare: 0.05 }).filter(({ arm }) => arm === 'control');
    expect(leftOutOf(controls, 'fifth')).toEqual([]);
    const aboveHalf = controls.map((event) => ({ ...event, propensity: 0.9 }));
    expect(leftOutOf(aboveHalf, 'fifth').length).toBeGreaterThan(200);
  });

  it('leaves nothing out where nothing was drawn, and nothing when it is off', () => {
    const events = drawn(4, 2_000, { share: 0.5, badShare: 0.5 });
    expect(leftOutOf(events, 'off')).toEqual([]);
    expect(
      leftOutOf(
        events.map((event) => ({ ...event, propensity: 1 })),
        'fifth',
      ),
    ).toEqual([]);
  });

  it('goes on from what was stored', () => {
    const events = drawn(6, 3_000, { share: 0.3, badShare: 0.2 });
    const whole = leftOutOf(events, 'fifth');
    let episodes = initialEpisodes();
    const parted = events.flatMap((event, index) => {
      episodes = decodeEpisodes(JSON.parse(JSON.stringify(encodeEpisodes(episodes))));
      const isOut = isLeftOut(episodes, 'fifth', event);
      if (!isOut && event.isBad) noteBadEvent(episodes, 'fifth', event);
      return isOut ? [index] : [];
    });
    expect(parted).toEqual(whole);
    expect(episodes.leftOut.control + episodes.leftOut.candidate).toBe(whole.length);
  });
});

function at(atMs: number, isBad = false) {
  return { arm: 'candidate' as const, propensity: 0.1, atMs, isBad };
}

describe('an episode of a fixed length', () => {
  it('leaves out what happened within it, in whatever order it comes', () => {
    const events = [at(0), at(1_000, true), at(10_999), at(500), at(11_000), at(2_000)];
    expect(leftOutOf(events, { lengthMs: 10_000 })).toEqual([2, 3, 5]);
  });

  it('leaves nothing else out after an event whose clock is years ahead', () => {
    const events = [at(Date.UTC(2099, 0), true), at(1_000), at(2_000, true), at(3_000), at(13_000)];
    expect(leftOutOf(events, { lengthMs: 10_000 })).toEqual([3]);
  });
});

/** A slow request of the smaller variant, and one of any every 10 ms afterwards. @returns how many of these are left out. */
function leftOutAfterOne(propensity: number, queueMs: number): number {
  const episodes = initialEpisodes();
  const arm = propensity <= 0.5 ? 'candidate' : 'control';
  noteBadEvent(episodes, 'fifth', { arm, propensity, atMs: 0 });
  const later = Array.from({ length: 200 }, (_, index) => ({ arm, propensity, atMs: 10 * index + 10 }) as const);
  return later.filter((event) => isLeftOut(episodes, 'fifth', event, queueMs)).length;
}

describe('an episode where variants have queues', () => {
  it('lasts for a time as well, the shorter the smaller the share', () => {
    expect([0.5, 0.9, 0.25, 0.01].map((share) => leftOutAfterOne(share, 1_000))).toEqual([99, 19, 49, 1]);
    expect(leftOutAfterOne(0.5, 0)).toBe(0);
  });
});

interface Burst {
  readonly requests: number;
  readonly length: number;
  readonly change: (event: RequestEvent) => RequestEvent;
  /** Whether somebody asks for another picture after a request, told its number and whether the trouble hit it. */
  readonly asksAgain?: (request: number, isHit: boolean) => boolean;
}

const LOW_COST: OwnMetric = {
  name: 'low-cost',
  topic: 'generation.completed.v1',
  path: 'cost',
  kind: 'lower-tail',
  level: 0.02,
  per: null,
  direction: 'higher',
  unit: 'EUR',
  margin: null,
  bounds: null,
};

/** What is said of a metric after a candidate that is like control has met a burst of trouble that hit its instance only. */
function afterBurst(
  metric: string,
  { requests, length, change, asksAgain = () => false }: Burst,
  spec: Partial<ExperimentSpec>,
) {
  const design = evidenceDesign(definition({ unit: 'request', ...spec }), 1);
  const evidence = initialEvidence(design);
  const traffic = new SimulatedTraffic(1, {} as Record<string, Behaviour>);
  traffic.candidateShare = 0.05;
  let hit = 0;
  for (let n = 0; n < requests || hit < length; n++) {
    for (const event of traffic.next()) {
      const isHit = n >= requests && event.data.assignment?.variant === 'candidate';
      if (isHit && event.type === 'request.routed.v1') hit += 1;
      foldEvent(evidence, design, isHit ? change(event) : event);
      if (event.type === 'request.routed.v1' && asksAgain(n, isHit)) foldEvent(evidence, design, regeneration(event));
    }
  }
  return analyse(evidence, design, traffic.atMs).metrics.find((found) => found.metric === metric);
}

function slow(event: RequestEvent): RequestEvent {
  return event.type === 'request.routed.v1' ? { ...event, data: { ...event.data, durationMs: 6_000 } } : event;
}

function failing(event: RequestEvent): RequestEvent {
  return event.type === 'request.routed.v1'
    ? { ...event, data: { ...event.data, outcome: 'server-error', status: 502, durationMs: null } }
    : event;
}

function cheap(event: RequestEvent): RequestEvent {
  return event.type === 'generation.completed.v1' ? { ...event, data: { ...event.data, cost: 1e-6 } } : event;
}

function regeneration({ time, subject, data }: TeststripEvent<'request.routed.v1'>): RequestEvent {
  const { requestId, service, assignment } = data;
  const type = 'feedback.recorded.v1';
  return {
    specversion: '1.0',
    id: `${type}/${requestId}`,
    source: 'test',
    type,
    time,
    subject,
    data: { requestId, generationId: requestId, service, assignment, kind: 'regenerate', rating: null, givenAt: time },
  };
}

function oneInTenAsksAgain(request: number, isHit: boolean): boolean {
  return isHit || request % 10 === 0;
}

/** A metric that harm of is looked for at no difference. */
function anyHarm(metric: string) {
  return { metric, margin: { kind: 'relative', value: 0.5 }, rollbackOn: 'any-harm' } as const;
}

describe('a stall of the candidate’s only instance', () => {
  it.each([
    ['latency-p95', slow, 9],
    ['error-rate', failing, 4],
  ] as const)('is one event of %s, not one per request', (metric, change, length) => {
    const burst = { requests: 600, length, change };
    expect(afterBurst(metric, burst, { episodes: 'off' })?.verdict).toBe('harmful');
    expect(afterBurst(metric, burst, {})?.verdict).toBe('undecided');
    expect(afterBurst(metric, burst, { episodes: { lengthMs: 10_000 } })?.verdict).toBe('undecided');
  });

  it.each([
    ['latency-p95', slow],
    ['error-rate', failing],
  ] as const)('that does not end is harm by %s', (metric, change) => {
    expect(afterBurst(metric, { requests: 600, length: 20, change }, {})?.verdict).toBe('harmful');
  });

  it('is one event of a lower tail of what the services report', () => {
    const spec = { metrics: [LOW_COST], guardrails: [anyHarm('low-cost')] };
    const burst = { requests: 1_200, length: 3, change: cheap };
    expect(afterBurst('low-cost', burst, { ...spec, episodes: 'off' })?.verdict).toBe('harmful');
    expect(afterBurst('low-cost', burst, spec)?.verdict).toBe('undecided');
    expect(afterBurst('low-cost', { ...burst, length: 12 }, spec)?.verdict).toBe('harmful');
  });

  it('is one event of people who ask for another picture', () => {
    const spec = { guardrails: [anyHarm('regenerate-rate')] };
    const burst = { requests: 600, length: 10, change: slow, asksAgain: oneInTenAsksAgain };
    expect(afterBurst('regenerate-rate', burst, { ...spec, episodes: 'off' })?.verdict).toBe('harmful');
    expect(afterBurst('regenerate-rate', burst, spec)?.verdict).toBe('undecided');
    expect(afterBurst('regenerate-rate', { ...burst, length: 30 }, spec)?.verdict).toBe('harmful');
  });

  it('leaves out what the analysis counts by variant, and nothing where nothing is left out', () => {
    const burst = { requests: 600, length: 8, change: slow };
    const found = afterBurst('latency-p95', burst, {});
    expect(found?.leftOut?.candidate).toBeGreaterThan(0);
    expect(found?.leftOut?.control).toBeGreaterThan(found?.leftOut?.candidate ?? 0);
    expect(found?.leftOut?.control).toBeLessThan((found?.n.control.events ?? 0) / 4);
    expect(afterBurst('latency-p95', burst, { episodes: 'off' })).not.toHaveProperty('leftOut');
    expect(afterBurst('alignment', burst, {})).not.toHaveProperty('leftOut');
  });
});
