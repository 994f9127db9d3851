import type { Guardrail, MetricAnalysis } from '#libs/contracts';
import { analysisOf, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { describe, expect, it } from 'vitest';
import { evidenceDesign, type ObservedEvent, type RequestEvent } from './index.js';

const USERS = 300;
/** Requests after which the candidate is another one; each user has been seen about twenty times. */
const TURNS_BAD = 6_000;

const guarded = (metric: string, kind: 'relative' | 'absolute', value: number, rollbackOn?: 'any-harm'): Guardrail => ({
  metric,
  margin: { kind, value },
  rollbackOn: rollbackOn ?? 'beyond-margin',
});

/** Users who come back all the time, at a share of a fifth; `after` is what becomes of the candidate's later events. */
function usersWhoComeBack(
  guardrail: Guardrail,
  requests: number,
  after: (event: RequestEvent) => RequestEvent | null,
  { users = USERS, errorRate = 0, before = usual } = {},
): MetricAnalysis {
  const traffic = new SimulatedTraffic(5, { control: { errorRate }, candidate: { errorRate } }, 100, users);
  traffic.candidateShare = 0.2;
  const design = evidenceDesign(definition({ guardrails: [guardrail] }), 2);
  const { topic } = design.metrics.find(({ definition: { name } }) => name === guardrail.metric)!.definition;
  const events: ObservedEvent[] = [];
  for (let request = 1; request <= requests; request++) {
    for (const event of traffic.next()) {
      if (event.type !== topic) continue;
      const isBad = request > TURNS_BAD && event.data.assignment?.variant === 'candidate';
      const seen = isBad ? after(event) : before(event);
      if (seen) events.push(seen);
    }
  }
  const analysis = analysisOf(design, events, 2);
  return analysis.metrics.find(({ metric }) => metric === guardrail.metric)!;
}

function failing(event: RequestEvent): RequestEvent | null {
  if (event.type !== 'request.routed.v1') return null;
  return { ...event, data: { ...event.data, outcome: 'server-error', status: 500, durationMs: null } };
}

function slow(event: RequestEvent): RequestEvent | null {
  if (event.type !== 'request.routed.v1') return null;
  return { ...event, data: { ...event.data, durationMs: (event.data.durationMs ?? 0) * 3 } };
}

function wrong(event: RequestEvent): RequestEvent | null {
  return event.type === 'image.scored.v1' ? { ...event, data: { ...event.data, alignment: 0.15 } } : null;
}

function constant(event: RequestEvent, durationMs: number): RequestEvent {
  return event.type === 'request.routed.v1' ? { ...event, data: { ...event.data, durationMs } } : event;
}

function usual(event: RequestEvent): RequestEvent {
  return event;
}

describe('harm that begins after everybody was seen', () => {
  it.each([
    ['errors beyond a margin', guarded('error-rate', 'absolute', 0.005), failing],
    ['any error', guarded('error-rate', 'absolute', 0.005, 'any-harm'), failing],
    ['errors beyond a factor', guarded('error-rate', 'relative', 0.5), failing],
    ['a slow tail', guarded('latency-p95', 'relative', 0.1), slow],
    ['wrong pictures', guarded('wrong-pictures', 'relative', 0.5), wrong],
  ])('is found within nine hundred requests, of which a fifth are the candidate’s: %s', (_name, guardrail, after) => {
    expect(usersWhoComeBack(guardrail, TURNS_BAD + 900, after).verdict).toBe('harmful');
  });

  it('is found where nothing ever lay beyond the limit before', () => {
    const found = usersWhoComeBack(
      guarded('latency-p95', 'relative', 0.1),
      TURNS_BAD + 500,
      (event) => constant(event, 2_400),
      { before: (event) => constant(event, 795) },
    );
    expect(found.verdict).toBe('harmful');
  });

  it('is none where the candidate stays as it was', () => {
    for (const guardrail of [guarded('error-rate', 'absolute', 0.005), guarded('latency-p95', 'relative', 0.1)])
      expect(usersWhoComeBack(guardrail, TURNS_BAD + 500, usual).verdict).not.toBe('harmful');
  });

  it('is not found by a mean, which rests on first values: the lower tail beside it finds the same pictures', () => {
    const { verdict, n } = usersWhoComeBack(guarded('alignment', 'relative', 0.01), 2 * TURNS_BAD, wrong);
    expect(verdict).not.toBe('harmful');
    expect(n.candidate.events).toBeGreaterThan(20 * n.candidate.units);
  });

  it('is shown of a lower tail as well', () => {
    const { estimate, n } = usersWhoComeBack(guarded('wrong-pictures', 'relative', 0.5), 2 * TURNS_BAD, wrong);
    expect(estimate.candidate).toBeGreaterThan(0.4);
    expect(estimate.effect).toBeGreaterThan(Math.log(5));
    expect(n.candidate.units).toBeLessThan(100);
  });

  it('is shown: rates are over all requests, and the interval of first ones is left out where it says something else', () => {
    const { estimate, interval, missing, n } = usersWhoComeBack(
      guarded('error-rate', 'absolute', 0.005),
      2 * TURNS_BAD,
      failing,
      { users: 600, errorRate: 0.01 },
    );
    expect(estimate.control).toBeCloseTo(0.01, 2);
    expect(estimate.candidate).toBeCloseTo(0.5, 1);
    expect(estimate.effect).toBeCloseTo(0.5, 1);
    expect(interval).toBeNull();
    expect(missing?.interval).toBe('later-requests-differ');
    expect(n.candidate.units).toBeLessThan(200);
    expect(n.candidate.events).toBeGreaterThan(1_500);
  });
});
