import { isNameless } from '#libs/contracts';
import { simulationRandom } from '#libs/testing/random';
import { analysisOf, definition, SimulatedTraffic } from '#libs/testing/traffic';
import { describe, expect, it } from 'vitest';
import {
  type Analysis,
  analyse,
  decodeEvidence,
  encodeEvidence,
  type EncodedEvidence,
  type Evidence,
  evidenceDesign,
  foldEvent,
  initialEvidence,
  type ObservedEvent,
  type RequestEvent,
} from './index.js';

const errorRate = {
  metric: 'error-rate',
  margin: { kind: 'absolute', value: 0.005 },
  rollbackOn: 'beyond-margin',
} as const;
const design = evidenceDesign(definition({ guardrails: [errorRate] }), 1);

/** Requests of the given units, one a second, a unit always in the same variant. */
function requestsOf(units: readonly string[], share = 0.5): readonly RequestEvent[] {
  const traffic = new SimulatedTraffic(1, {}, 1);
  traffic.candidateShare = share;
  return units.map((unit) => {
    const [routed] = traffic.next() as [RequestEvent];
    return { ...routed, subject: unit, data: { ...routed.data, assignment: assignmentOf(routed, unit, share) } };
  }) as readonly RequestEvent[];
}

function assignmentOf({ data }: RequestEvent, unit: string, share: number) {
  const variant = bucketOf(unit) < share ? 'candidate' : 'control';
  return { ...data.assignment, unit, variant, propensity: variant === 'candidate' ? share : 1 - share };
}

function bucketOf(unit: string): number {
  let seed = 7;
  for (const letter of unit) seed = (seed * 31 + letter.charCodeAt(0)) | 0;
  return simulationRandom(seed).uniform();
}

/** Every unit comes `times` times, those of the candidate `more` times as often. */
function comingBack(times: number, more: number, share: number): readonly RequestEvent[] {
  const units = Array.from({ length: 1_000 }, (_, index) => `u${index}`);
  return requestsOf(
    units.flatMap((unit) => {
      const often = bucketOf(unit) < share ? times * more : times;
      return Array.from({ length: often }, () => unit);
    }),
    share,
  );
}

function healthOf(events: readonly ObservedEvent[]): Analysis['health'] {
  return analysisOf(design, events, 3).health;
}

describe('the name of a unit', () => {
  it.each(['', '  ', 'undefined', 'null', 'NaN', '[object Object]', 'None', '${userId}', '{{ user.id }}', '%s', '0'])(
    '"%s" names nobody',
    (unit) => expect(isNameless(unit)).toBe(true),
  );

  it.each(['u1', 'nullable-7', 'undefined-behaviour', '00', 'a b', '7', 'anna', '{', 'object'])(
    '"%s" is a name',
    (unit) => expect(isNameless(unit)).toBe(false),
  );

  it('of nobody is counted, and judges nothing', () => {
    const named = requestsOf(Array.from({ length: 600 }, (_, index) => `u${index % 50}`));
    const nameless = requestsOf(Array.from({ length: 400 }, (_, index) => (index % 2 ? 'undefined' : 'null')));
    const { health, metrics, requests } = analysisOf(design, [...named, ...nameless], 3);
    expect(health.unitIds?.nameless).toBe(400);
    expect((requests['control'] ?? 0) + (requests['candidate'] ?? 0)).toBe(1_000);
    expect(metrics).toEqual(analysisOf(design, named, 3).metrics);
    expect(health.srm).toEqual(healthOf(named).srm);
  });
});

describe('a unit with too many requests', () => {
  const crowd = Array.from({ length: 2_000 }, (_, index) => `u${index}`);

  it('is named, with its share', () => {
    const events = requestsOf(crowd.flatMap((unit, index) => (index % 10 === 0 ? [unit, 'robot'] : [unit])));
    const heaviest = healthOf(events).unitIds?.heaviest;
    expect(heaviest?.unit).toBe('robot');
    // Counted from below: what other units took from its counter is missing.
    expect(heaviest?.share).toBeGreaterThan(0.07);
    expect(heaviest?.share).toBeLessThanOrEqual(200 / 2_200);
  });

  it('is not named while it has no more than a twentieth', () => {
    const events = requestsOf(crowd.flatMap((unit, index) => (index % 25 === 0 ? [unit, 'robot'] : [unit])));
    expect(healthOf(events).unitIds?.heaviest).toBeNull();
    expect(healthOf(requestsOf(['u1', 'u1', 'u2'])).unitIds?.heaviest).toBeNull();
  });
});

describe('new units', () => {
  it('are many where nobody comes back', () => {
    const units = Array.from({ length: 1_200 }, (_, index) => `u${index}`);
    expect(healthOf(requestsOf(units)).newUnits).toMatchObject({ status: 'ok', share: 1 });
  });

  it('are few where those of before come back, and none where nobody else comes', () => {
    const early = Array.from({ length: 300 }, (_, index) => `u${index}`);
    const again = Array.from({ length: 2_000 }, (_, index) => (index % 20 === 0 ? `new${index}` : `u${index % 300}`));
    const few = healthOf(requestsOf([...early, ...again])).newUnits;
    expect(few?.status).toBe('few');
    expect(few?.share).toBeCloseTo(0.05, 2);
    expect(few?.requests).toBeGreaterThanOrEqual(500);
    expect(few?.seconds).toBeGreaterThan(500);
    const none = requestsOf([...early, ...again.filter((unit) => !unit.startsWith('new'))]);
    expect(healthOf(none).newUnits).toMatchObject({ status: 'none', newUnits: 0 });
  });

  it('are not judged before there is enough to judge them by', () => {
    expect(healthOf(requestsOf(['u1', 'u1', 'u2'])).newUnits).toMatchObject({ status: 'not-enough-data', newUnits: 2 });
    expect(healthOf([]).newUnits).toEqual({
      status: 'not-enough-data',
      requests: 0,
      newUnits: 0,
      share: null,
      seconds: null,
    });
  });
});

describe('requests by variant', () => {
  it('follow the weights where units of both come equally often', () => {
    expect(healthOf(comingBack(2, 1, 0.1)).requestSplit?.status).toBe('ok');
  });

  it('do not where the candidate’s units retry', () => {
    const { requestSplit, srm } = healthOf(comingBack(1, 2, 0.1));
    expect(srm.status).toBe('ok');
    expect(requestSplit?.status).toBe('unequal');
    expect(requestSplit?.observed['candidate']).toBeGreaterThan((requestSplit?.expected['candidate'] ?? 0) * 1.5);
  });

  it('raise no alarm because a few heavy users fell to one variant', () => {
    const alarms = Array.from({ length: 8 }, (_, run) => {
      const random = simulationRandom(run + 1);
      // A tenth of the users makes 60 % of the requests.
      const units = Array.from({ length: 1_500 }, () =>
        random.uniform() < 0.6
          ? `heavy${run}-${Math.floor(60 * random.uniform())}`
          : `light${run}-${Math.floor(540 * random.uniform())}`,
      );
      return healthOf(requestsOf(units, 0.3)).requestSplit?.status;
    });
    expect(alarms.filter((status) => status === 'unequal').length).toBe(0);
    expect(alarms.filter((status) => status === 'ok').length).toBe(8);
  });
});

describe('a flood of made-up units, when no more can be remembered', () => {
  const REMEMBERED = 300;
  const floods = evidenceDesign(
    definition({
      guardrails: [errorRate, { ...errorRate, metric: 'latency-p95', margin: { kind: 'relative', value: 0.1 } }],
    }),
    1,
  );

  function flooded(requests: number, errorRateOfCandidate: number, users = 0): Evidence {
    const behaviours = { control: { errorRate: 0.01 }, candidate: { errorRate: errorRateOfCandidate } };
    const traffic = new SimulatedTraffic(3, behaviours, 100, users);
    traffic.candidateShare = 0.1;
    const evidence = initialEvidence(floods, 'request.routed.v1', REMEMBERED);
    for (let request = 0; request < requests; request++) foldEvent(evidence, floods, traffic.next()[0] as RequestEvent);
    return evidence;
  }

  function errors(evidence: Evidence) {
    return analyse(evidence, floods, 0).metrics.find(({ metric }) => metric === 'error-rate')!;
  }

  it('finds harm by the units beyond the memory, and proves nothing more', () => {
    const full = flooded(REMEMBERED, 0.01);
    const harmless = flooded(4_000, 0.01);
    expect(harmless.units.size).toBe(REMEMBERED);
    expect(errors(harmless)).toMatchObject({ verdict: 'unmeasurable', reason: 'unit-memory-full' });
    expect(errors(harmless).lnE?.nonInferior).toBe(errors(full).lnE?.nonInferior);
    expect(errors(harmless).n.control.units).toBe(errors(full).n.control.units);
    expect(analyse(harmless, floods, 0).health.unitIds?.beyondMemory).toBe(3_700);
    const harmful = flooded(4_000, 0.15);
    expect(errors(harmful)).toMatchObject({ verdict: 'harmful' });
    expect(errors(harmful).estimate.candidate).toBeCloseTo(0.15, 1);
  });

  it('counts the first bad event of such a unit only, however often it comes', () => {
    const evidence = flooded(REMEMBERED, 0.01);
    const [routed] = requestsOf(['stranger'], 0.1) as [RequestEvent];
    const failed = {
      ...routed,
      data: { ...routed.data, outcome: 'server-error', status: 500 },
    } as unknown as RequestEvent;
    foldEvent(evidence, floods, failed);
    const once = errors(evidence).lnE?.harmful;
    for (let again = 0; again < 20; again++) foldEvent(evidence, floods, failed);
    expect(errors(evidence).lnE?.harmful).toBe(once);
  });

  it('goes on from a snapshot, which stays small', () => {
    const evidence = flooded(4_000, 0.15);
    const json = JSON.stringify(encodeEvidence(evidence));
    expect(json.length).toBeLessThan(60_000);
    const restored = decodeEvidence(floods, JSON.parse(json) as EncodedEvidence, [evidence.units.takeChanges()]);
    expect(JSON.stringify(encodeEvidence(restored))).toBe(json);
  });
});
