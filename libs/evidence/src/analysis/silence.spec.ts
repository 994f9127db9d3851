import { describe, expect, it } from 'vitest';
import { definition, foldInto, SimulatedTraffic } from '#libs/testing/traffic';
import { evidenceDesign } from '../catalogue/evidence-design.js';
import { type Evidence, initialEvidence, mergeEvidence } from '../fold/evidence.js';
import type { RequestEvent } from '../fold/observe-metrics.js';
import { decodePulses, encodePulses } from '../fold/pulse.js';
import { analyse } from './analyse.js';

/** Without metrics: they cost most of a fold and say nothing here. */
const design = evidenceDesign(definition({ guardrails: [] }), 2, []);
const YEAR_2099 = Date.UTC(2099, 0, 1);

interface Story {
  readonly requests: number;
  readonly perSecond?: number;
  /** How far the router's clock is off, ms, by the number of the request. */
  readonly routerOffMs?: (request: number) => number;
  /** Requests after which the scorer is dead. */
  readonly scorerDiesAfter?: number;
  readonly telemetryDiesAfter?: number;
  /** Requests after which the scorer may read no picture. */
  readonly refusedAfter?: number;
  /** One in so many generations is scored. */
  readonly oneIn?: number;
  /** When the analysis is made, ms after the last request. */
  readonly lateMs?: number;
}

/** Plays traffic whose carrier has the right time, whatever the clocks of the services say. */
function play(story: Story) {
  const { requests, perSecond = 20, routerOffMs = () => 0, oneIn = 1 } = story;
  const traffic = new SimulatedTraffic(7, {}, perSecond);
  const parts = new Map<string, Evidence>();
  for (let request = 1; request <= requests; request++) {
    for (const event of traffic.next()) {
      if (event.type === 'image.scored.v1' && (request > (story.scorerDiesAfter ?? Infinity) || request % oneIn !== 0))
        continue;
      if (event.type === 'generation.completed.v1' && request > (story.telemetryDiesAfter ?? Infinity)) continue;
      const carriedAtMs = Date.parse(event.time);
      const read = request > (story.refusedAfter ?? Infinity) ? outOfReach(event) : event;
      foldInto(parts, design, { event: byRouterClock(read, routerOffMs(request)), carriedAtMs }, 2);
    }
  }
  const evidence = [...parts.values()].reduce(mergeEvidence, initialEvidence(design));
  return analyse(evidence, design, traffic.atMs + (story.lateMs ?? 1_000)).health;
}

function outOfReach(event: RequestEvent): RequestEvent {
  if (event.type !== 'image.scored.v1') return event;
  const refused = { outcome: 'refused', reason: 'host cdn.example is not allowed', alignment: null } as const;
  return { ...event, data: { ...event.data, ...refused } };
}

function byRouterClock(event: RequestEvent, offMs: number): RequestEvent {
  const shifted = (time: string): string => new Date(Date.parse(time) + offMs).toISOString();
  const { assignment } = event.data;
  const assigned = { ...assignment, assignedAt: shifted(assignment?.assignedAt ?? '') };
  const time = event.type === 'request.routed.v1' ? shifted(event.time) : event.time;
  return { ...event, time, data: { ...event.data, assignment: assigned } } as RequestEvent;
}

const lostIn2099 = (request: number): number => (request === 100 ? 2.3e12 : 0);

const statusOf = (story: Story): string => play(story).staleness.status;

describe('a scorer that may read no picture', () => {
  it('is silent, though it speaks: it says how many pictures and why', () => {
    const { staleness } = play({ requests: 1_200, refusedAfter: 0 });
    expect(staleness).toMatchObject({
      status: 'scores-silent',
      lastScoredAt: null,
      unscored: { reason: 'host cdn.example is not allowed' },
    });
    expect(staleness.unscored!.pictures).toBeGreaterThan(500);
    expect(statusOf({ requests: 600, refusedAfter: 300 })).toBe('scores-silent');
  });

  it('of a few is not', () => {
    expect(statusOf({ requests: 600, refusedAfter: 590 })).toBe('ok');
  });
});

describe('clocks', () => {
  it.each([15_000, -15_000, 3_600_000, -3_600_000, YEAR_2099 - Date.UTC(2026, 0, 1)])(
    'a router that is %i ms off makes no silence, hides none, and its traffic is traffic',
    (offMs) => {
      const routerOffMs = (): number => offMs;
      expect(statusOf({ requests: 600, routerOffMs })).toBe('ok');
      expect(statusOf({ requests: 600, routerOffMs, scorerDiesAfter: 100 })).toBe('scores-silent');
      expect(statusOf({ requests: 600, routerOffMs, telemetryDiesAfter: 100 })).toBe('telemetry-silent');
      expect(statusOf({ requests: 600, routerOffMs, lateMs: 60_000 })).toBe('no-traffic');
    },
  );

  it('one event of another century changes neither the silence nor the coverage', () => {
    const routerOffMs = lostIn2099;
    const { staleness, coverage } = play({ requests: 600, routerOffMs });
    expect([staleness.status, coverage.status]).toEqual(['ok', 'ok']);
    expect(coverage.byVariant['control']).toBeGreaterThan(0.99);
    expect(statusOf({ requests: 600, routerOffMs, scorerDiesAfter: 100 })).toBe('scores-silent');
  });

  it('a stamp of the carrier itself that can be no time is left out', () => {
    const traffic = new SimulatedTraffic(7, {}, 20);
    const parts = new Map<string, Evidence>();
    for (let request = 1; request <= 600; request++) {
      for (const event of traffic.next()) {
        if (event.type === 'image.scored.v1' && request > 200) continue;
        const carriedAtMs = request === 100 ? YEAR_2099 : Date.parse(event.time);
        foldInto(parts, design, { event, carriedAtMs }, 2);
      }
    }
    const evidence = [...parts.values()].reduce(mergeEvidence, initialEvidence(design));
    const { staleness } = analyse(evidence, design, traffic.atMs).health;
    expect(staleness).toMatchObject({ status: 'scores-silent' });
    expect(staleness.lastRoutedAt).toMatch(/^2026-/);
  });
});

describe('silence', () => {
  it('of a scorer that looks at one picture in a hundred begins when twenty scores are owed', () => {
    const sampled = { perSecond: 10, oneIn: 100 };
    expect(statusOf({ ...sampled, requests: 1_000 })).toBe('ok');
    expect(statusOf({ ...sampled, requests: 1_090 })).toBe('ok');
    expect(statusOf({ ...sampled, requests: 2_500, scorerDiesAfter: 1_000 })).toBe('ok');
    const { staleness } = play({ ...sampled, requests: 3_800, scorerDiesAfter: 1_000 });
    expect(staleness).toMatchObject({ status: 'scores-silent', owedGenerations: 0 });
    expect(staleness.owedScores).toBeGreaterThanOrEqual(20);
    expect(staleness.owedScores).toBeLessThan(32);
  });

  it('is none with three requests a minute, until twenty of them have no answer', () => {
    const rare = { perSecond: 3 / 60 };
    expect(statusOf({ ...rare, requests: 100 })).toBe('ok');
    expect(statusOf({ ...rare, requests: 100, lateMs: 19_000 })).toBe('ok');
    expect(statusOf({ ...rare, requests: 118, scorerDiesAfter: 100 })).toBe('ok');
    expect(statusOf({ ...rare, requests: 130, scorerDiesAfter: 100 })).toBe('scores-silent');
    expect(statusOf({ ...rare, requests: 130, telemetryDiesAfter: 100 })).toBe('telemetry-silent');
    expect(statusOf({ ...rare, requests: 100, lateMs: 600_000 })).toBe('no-traffic');
  });

  it('follows a scorer that has been told to look at fewer pictures', () => {
    const traffic = new SimulatedTraffic(7, {}, 10);
    const parts = new Map<string, Evidence>();
    for (let request = 1; request <= 3_000; request++) {
      for (const event of traffic.next()) {
        if (event.type === 'image.scored.v1' && request > 1_000 && request % 100 !== 0) continue;
        foldInto(parts, design, { event, carriedAtMs: Date.parse(event.time) }, 2);
      }
    }
    const evidence = [...parts.values()].reduce(mergeEvidence, initialEvidence(design));
    expect(analyse(evidence, design, traffic.atMs).health.staleness.status).toBe('ok');
  });

  it('of a scorer that never spoke is one after five hundred answers: it may look at few', () => {
    expect(statusOf({ requests: 650, scorerDiesAfter: 0 })).toBe('ok');
    expect(statusOf({ requests: 720, scorerDiesAfter: 0 })).toBe('scores-silent');
  });

  it('is remembered exactly by a snapshot', () => {
    const evidence = initialEvidence(design);
    const parts = new Map([['request.routed.v1/0', evidence]]);
    const traffic = new SimulatedTraffic(7, {}, 3);
    for (let request = 1; request <= 500; request++)
      foldInto(parts, design, { event: traffic.next()[0]!, carriedAtMs: traffic.atMs }, 1);
    expect(decodePulses(encodePulses(evidence.pulses))).toEqual(evidence.pulses);
    expect(evidence.pulses.answered.seconds.size).toBe(120);
  });
});
