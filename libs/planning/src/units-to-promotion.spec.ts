import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { courseOfRamp, type PlannedMetric, proofGrowth, unitsToProve, unitsToPromotion } from './index.js';

const guardrails = [
  { name: 'error-rate', metric: { kind: 'rate', rate: 0.01 }, margin: 0.005 },
  { name: 'latency-p95', metric: { kind: 'upper-tail', lnSpread: 0.3 }, margin: 0.1 },
  { name: 'alignment', metric: { kind: 'mean', mean: 0.3, spread: 0.035 }, margin: 0.003 },
  { name: 'cost', metric: { kind: 'mean', mean: 1, spread: 0.15 }, margin: 0.05 },
] as const satisfies readonly { name: string; metric: PlannedMetric; margin: number }[];
const underWay = (ladderPpm: readonly number[], lnE = 0, of: readonly (typeof guardrails)[number][] = guardrails) =>
  of.map(({ name, metric, margin }) => ({
    name,
    growth: proofGrowth(metric, margin, ladderPpm),
    lnE: ladderPpm.map(() => lnE),
  }));

describe('the units until promotion', () => {
  it.each([[[10_000, 50_000, 200_000, 500_000]], [[50_000, 200_000, 500_000]], [[500_000]]])(
    'are about the median of the simulated ramp from %j ppm',
    (ladderPpm) => {
      const { units, hardest } = unitsToPromotion(underWay(ladderPpm), 0.05);
      const course = courseOfRamp({ guardrails, ladderPpm, alpha: 0.05, runs: 40 });
      if (course.missing !== null) throw new Error(course.missing);
      const { p10, p90 } = course.untilPromotion!.units;
      expect(units).toBeGreaterThan(p10!);
      expect(units).toBeLessThan(p90!);
      expect(hardest).toBe('error-rate');
    },
  );

  it('of one guardrail at one share are those of its growth', () => {
    const [first] = guardrails;
    const alone = unitsToProve({ ...first, effect: 0, share: 0.5, alpha: 0.05, power: 0.5, runs: 5 });
    if (alone.missing !== null) throw new Error(alone.missing);
    const { units } = unitsToPromotion(underWay([500_000], 0, [first]), 0.05);
    expect(units).toBeCloseTo(alone.unitsByGrowth, -1);
  });

  it('become fewer with the evidence, and none when everything is proven', () => {
    const ladder = [50_000, 500_000];
    const left = [0, 1, 2, 2.9, 3].map((lnE) => unitsToPromotion(underWay(ladder, lnE), 0.05).units);
    expect(left).toEqual(left.toSorted((a, b) => b - a));
    expect(left.at(-1)).toBe(0);
    expect(unitsToPromotion(underWay(ladder, Infinity), 0.05)).toEqual({ units: 0, hardest: null });
    // Evidence against it has to be made up for.
    expect(unitsToPromotion(underWay(ladder, -2), 0.05).units).toBeGreaterThan(left[0]!);
  });

  it('are a number of units or none, whatever has been seen', () => {
    const small = fc.double({ min: 1e-9, max: 1e6, noNaN: true });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const metric: fc.Arbitrary<PlannedMetric> = fc.oneof(
      fc.record({
        kind: fc.constant('mean' as const),
        mean: fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        spread: fc.oneof(fc.constant(0), small),
      }),
      fc.record({ kind: fc.constant('rate' as const), rate: share }),
      fc.record({ kind: fc.constant('relative-rate' as const), rate: share }),
      fc.record({ kind: fc.constant('upper-tail' as const), lnSpread: small, tailShare: fc.constant(0.05) }),
      fc.record({ kind: fc.constant('lower-tail' as const), tailShare: fc.constant(0.02) }),
    );
    fc.assert(
      fc.property(metric, fc.oneof(fc.constant(0), small), fc.boolean(), (seen, margin, hasEqualBaseline) => {
        const growth = proofGrowth(seen, margin, [10_000, 500_000, 900_000], hasEqualBaseline);
        const { units } = unitsToPromotion([{ name: 'any', growth, lnE: [0, 0, -3] }], 0.05);
        expect(units).toBeGreaterThan(0);
      }),
      { numRuns: 200 },
    );
  });

  it('have no end where a margin can not be proven at all', () => {
    const never = [{ name: 'latency-p95', metric: { kind: 'upper-tail', lnSpread: 0.3 } as const, margin: 0 }];
    const growth = proofGrowth(never[0]!.metric, 0, [500_000]);
    expect(unitsToPromotion([{ name: 'latency-p95', growth, lnE: [0] }], 0.05)).toEqual({
      units: Infinity,
      hardest: 'latency-p95',
    });
  });
});
