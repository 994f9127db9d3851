import { describe, expect, it } from 'vitest';
import { decodeAssignment, MILLION, type AllocationCommanded } from '#libs/contracts';
import type { ExperimentRoute } from '../routing/routing-table.js';
import { assignmentFrame } from './assignment-frame.js';
import { splitOf, UnservableError, type SplitAbilities } from './split.js';
import { aRoute } from './test/a-route.js';

const STICKY: SplitAbilities = { stepPpm: 100, isSticky: true };
const NORMAL = { epoch: 7, isFailSafe: false };

function refused(route: ExperimentRoute, abilities = STICKY): () => unknown {
  return () => splitOf(route, NORMAL, abilities);
}

describe('splitOf', () => {
  it('cuts shares to the steps that a proxy can make, for control, and says so in the assignments', () => {
    const split = splitOf(aRoute({ control: 949_950, candidate: 50_050 }), NORMAL, STICKY);
    expect(split.parts).toEqual([
      { target: 1, fromPpm: 0, toPpm: 50_000 },
      { target: 0, fromPpm: 50_000, toPpm: MILLION },
    ]);
    expect(split.targets.map(({ name, sharePpm }) => [name, sharePpm])).toEqual([
      ['control', 950_000],
      ['candidate', 50_000],
    ]);
    expect(split.drawn?.assignments[1]).toMatchObject({
      propensity: 0.05,
      weightsPpm: { control: 950_000, candidate: 50_000 },
      reason: 'SPLIT',
      epoch: 7,
      revision: 2,
    });
  });

  it('keeps the buckets of several candidates where routers have them', () => {
    const split = splitOf(aRoute({ control: 800_000, a: 100_000, b: 100_000 }), NORMAL, STICKY);
    expect(split.parts.map(({ target, fromPpm, toPpm }) => [target, fromPpm, toPpm])).toEqual([
      [1, 0, 100_000],
      [0, 100_000, 900_000],
      [2, 900_000, MILLION],
    ]);
  });

  it('gives everybody to control while the controller is lost, for certain', () => {
    const split = splitOf(aRoute({ control: 500_000, candidate: 500_000 }), { epoch: 7, isFailSafe: true }, STICKY);
    expect(split.parts).toEqual([{ target: 0, fromPpm: 0, toPpm: MILLION }]);
    expect(split.drawn?.assignments[0]).toMatchObject({ variant: 'control', propensity: 1, reason: 'FAIL_SAFE' });
  });

  it('refuses what only a router can do', () => {
    const weights = { control: 900_000, candidate: 100_000 };
    const audience = [{ attribute: 'plan', in: ['pro'] }];
    const withAudience = aRoute(weights);
    expect(refused({ ...withAudience, rules: { ...withAudience.rules, audience } })).toThrow(UnservableError);
    const shadow = { candidates: ['candidate'], ratePpm: 1, concurrency: 1 };
    expect(refused(aRoute(weights, { command: { shadow } as AllocationCommanded }))).toThrow('shadow');
    const perRequest = { stepPpm: 1, isSticky: false };
    expect(refused(aRoute(weights), perRequest)).toThrow('expected unit: request');
    expect(refused(aRoute(weights, { unit: 'request' }), perRequest)).not.toThrow();
  });
});

describe('assignmentFrame', () => {
  it('is the header once unit and time are filled in', () => {
    const split = splitOf(aRoute({ control: 900_000, candidate: 100_000 }), NORMAL, STICKY);
    const frame = assignmentFrame(split.drawn!.assignments[1]!);
    const header = `${frame.beforeUnit}ana+1@example.com${frame.beforeTime}2026-11-20T10:15:30+00:00${frame.end}`;
    expect(decodeAssignment(header)).toEqual({
      ...split.drawn!.assignments[1],
      unit: 'ana+1@example.com',
      assignedAt: '2026-11-20T10:15:30+00:00',
    });
  });
});
