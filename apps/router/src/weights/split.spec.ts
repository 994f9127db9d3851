import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf, hashUnit, salts, variantOf } from '#libs/assignment';
import { decodeAssignment, MILLION, type AllocationCommanded } from '#libs/contracts';
import type { ExperimentRoute } from '../routing/routing-table.js';
import { assignmentFrame } from './assignment-frame.js';
import { splitOf, UnservableError, type Split, type SplitAbilities } from './split.js';
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

/** Shares of two candidates that leave control something. */
const shares = fc
  .record({ a: fc.integer({ min: 0, max: 450_000 }), b: fc.integer({ min: 0, max: 450_000 }) })
  .map(({ a, b }) => ({ control: MILLION - a - b, a, b }));
const steps = fc.constantFrom(1, 100, 1_000, 10_000);

function nameAt({ targets, parts }: Split, bucket: number): string {
  return targets[parts.find(({ fromPpm, toPpm }) => fromPpm <= bucket && bucket < toPpm)!.target]!.name;
}

describe('a split, whatever the shares and the step of the proxy', () => {
  it('covers every bucket once, gives no candidate more than was ordered, and nobody whom a router would serve otherwise', () => {
    const property = fc.property(shares, steps, fc.array(fc.string(), { maxLength: 50 }), (weights, stepPpm, units) => {
      const route = aRoute(weights);
      const split = splitOf(route, NORMAL, { stepPpm, isSticky: true });
      expect(split.parts.reduce((end, { fromPpm, toPpm }) => (expect(fromPpm).toBe(end), toPpm), 0)).toBe(MILLION);
      for (const { name, sharePpm } of split.targets.slice(1)) {
        expect(sharePpm).toBeLessThanOrEqual(weights[name as 'a']);
        expect(sharePpm).toBeGreaterThan(weights[name as 'a'] - 2 * stepPpm);
      }
      for (const unit of units) {
        const bucket = bucketOf(hashUnit(salts.arm('exp', 2), unit));
        const served = nameAt(split, bucket);
        if (served !== 'control') expect(served).toBe(variantOf(route.rules.layout, bucket));
      }
    });
    fc.assert(property, { numRuns: 300, seed: 20_261_127 });
  });

  it('moves nobody out of a candidate while its share rises', () => {
    const property = fc.property(
      fc.integer({ min: 0, max: MILLION }),
      fc.nat(MILLION),
      steps,
      (share, more, stepPpm) => {
        const of = (ppm: number): Split =>
          splitOf(aRoute({ control: MILLION - ppm, a: ppm }), NORMAL, { stepPpm, isSticky: true });
        const [before, after] = [of(share), of(Math.min(MILLION, share + more))];
        for (const { target, fromPpm, toPpm } of before.parts)
          if (target !== 0) expect([fromPpm, toPpm - 1].map((bucket) => nameAt(after, bucket))).toEqual(['a', 'a']);
      },
    );
    fc.assert(property, { numRuns: 300, seed: 20_261_127 });
  });

  it('gives candidates nobody once it is rolled back, or the controller is lost', () => {
    const property = fc.property(shares, steps, fc.boolean(), (weights, stepPpm, isFailSafe) => {
      const back = aRoute(isFailSafe ? weights : { ...weights, control: MILLION, a: 0, b: 0 });
      const split = splitOf(back, { epoch: 8, isFailSafe }, { stepPpm, isSticky: true });
      expect(split.parts).toEqual([{ target: 0, fromPpm: 0, toPpm: MILLION }]);
    });
    fc.assert(property, { numRuns: 100, seed: 20_261_127 });
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
