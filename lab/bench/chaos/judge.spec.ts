import { describe, expect, it } from 'vitest';
import { bucketOf, hashUnit, salts } from '#libs/assignment';
import { judgeRequest, phaseFigures, type AskedRequest, type ChaosCourse } from './judge.js';

const course: ChaosCourse = {
  experiment: 'chaos',
  bounds: [
    { fromMs: 0, atMostPpm: 200_000 },
    { fromMs: 1_000, atMostPpm: 0 },
  ],
  deaths: [{ router: 1, killedAtMs: 500, goneAtMs: 510 }],
};

const bucket = (unit: string): number => bucketOf(hashUnit(salts.arm('chaos', 1), unit));
const units = Array.from({ length: 100 }, (_, index) => `user-${index}`);
const inside = units.find((unit) => bucket(unit) < 200_000)!;
const outside = units.find((unit) => bucket(unit) >= 200_000)!;

const asked = (overrides: Partial<AskedRequest> = {}): AskedRequest => ({
  unit: inside,
  dueAtMs: 100,
  sentAtMs: 100,
  doneAtMs: 110,
  router: 0,
  status: 200,
  answeredBy: 'candidate',
  assigned: { revision: 1, variant: 'candidate' },
  failure: null,
  ...overrides,
});
const atControl = { answeredBy: 'control', assigned: { revision: 1, variant: 'control' } };

describe('an answer of the candidate', () => {
  it('is allowed to units of the share in force, whoever is outside of it or after it is not', () => {
    expect(judgeRequest(asked(), course)).toBe('ok');
    expect(judgeRequest(asked({ unit: outside }), course)).toBe('above');
    expect(judgeRequest(asked({ unit: outside, ...atControl }), course)).toBe('ok');
    expect(judgeRequest(asked({ sentAtMs: 1_000 }), course)).toBe('above');
    expect(judgeRequest(asked({ sentAtMs: 1_000, ...atControl }), course)).toBe('ok');
  });

  it('is none that the router takes for one of control, nor one without an assignment', () => {
    expect(judgeRequest(asked({ assigned: atControl.assigned }), course)).toBe('above');
    expect(judgeRequest(asked({ assigned: null }), course)).toBe('above');
  });
});

describe('a request without an answer', () => {
  const lost = { status: null, answeredBy: null, assigned: null, failure: 'ECONNRESET' };

  it('was in flight in the killed router, or has failed', () => {
    expect(judgeRequest(asked({ ...lost, router: 1, sentAtMs: 490, doneAtMs: 505 }), course)).toBe('in-flight');
    expect(judgeRequest(asked({ ...lost, router: 0, sentAtMs: 490, doneAtMs: 505 }), course)).toBe('failed');
    expect(judgeRequest(asked({ ...lost, router: 1, sentAtMs: 400, doneAtMs: 450 }), course)).toBe('failed');
    expect(judgeRequest(asked({ ...lost, router: 1, sentAtMs: 900, doneAtMs: 910 }), course)).toBe('failed');
    expect(judgeRequest(asked({ status: 503, answeredBy: null }), course)).toBe('failed');
  });

  it('counts in the figures of its phase, by what became of it', () => {
    const requests = [
      asked(),
      asked(atControl),
      asked({ ...lost }),
      asked({ ...lost, router: 1, sentAtMs: 500, doneAtMs: 505 }),
    ];
    expect(phaseFigures(requests, course, 1_000)).toMatchObject({
      requests: 4,
      perSecond: 2,
      inFlight: 1,
      failed: 1,
      above: 0,
      candidateShare: 0.5,
      p50Ms: 10,
      reasons: ['ECONNRESET at router 0'],
    });
  });
});
