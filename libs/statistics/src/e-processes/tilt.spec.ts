import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Arm } from '../arm.js';
import { ByPropensity } from '../by-propensity.js';
import {
  hit,
  initialTilt,
  lnEDifferent,
  lnELessOften,
  lnEMoreOften,
  lnRateRatio,
  lnRateRatioBound,
  lnRateRatioInterval,
  mergeTilt,
  type Tilt,
} from './tilt.js';

const event = fc.record({
  arm: fc.constantFrom<Arm>('control', 'candidate'),
  propensity: fc.constantFrom(0.01, 0.05, 0.5, 0.9),
});

function fold(events: readonly { readonly arm: Arm; readonly propensity: number }[]): Tilt {
  const state = initialTilt();
  for (const { arm, propensity } of events) hit(state, arm, propensity);
  return state;
}

function counts(propensity: number, control: number, candidate: number): Tilt {
  return { hits: new ByPropensity([[propensity, { control, candidate }]]) };
}

describe('tilt', () => {
  it('says nothing without events and skips assignments that were not random', () => {
    const state = initialTilt();
    expect(hit(state, 'candidate', 1)).toBe(false);
    expect(hit(state, 'control', 0)).toBe(false);
    expect([lnEMoreOften(state, 0), lnELessOften(state, 0.1), lnEDifferent(state, 0)]).toEqual([0, 0, 0]);
    expect([lnRateRatio(state), lnRateRatioInterval(state, 0.05)]).toEqual([null, null]);
  });

  it('agrees with a value worked out by hand', () => {
    // One event, the candidate's, at ρ = ½: the factor of a tilt β is e^β / (½ + ½e^β).
    const tilts = [0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2];
    const mean = tilts.reduce((sum, b) => sum + Math.exp(b) / (0.5 + 0.5 * Math.exp(b)), 0) / tilts.length;
    expect(lnEMoreOften(counts(0.5, 0, 1), 0)).toBeCloseTo(Math.log(mean), 12);
  });

  it('flips with the arms', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.constantFrom(0, 0.2, 1), (events, boundary) => {
        const swapped = events.map(({ arm, propensity }) => ({
          arm: arm === 'control' ? ('candidate' as const) : ('control' as const),
          propensity: 1 - propensity,
        }));
        expect(lnELessOften(fold(swapped), -boundary)).toBeCloseTo(lnEMoreOften(fold(events), boundary), 8);
        expect(lnRateRatio(fold(swapped)) ?? 0).toBeCloseTo(-(lnRateRatio(fold(events)) ?? 0), 6);
      }),
    );
  });

  it('merges exactly, in any order and grouping', () => {
    const part = fc.array(event, { maxLength: 30 }).map(fold);
    fc.assert(
      fc.property(part, part, part, (a, b, c) => {
        expect(mergeTilt(a, b)).toEqual(mergeTilt(b, a));
        expect(mergeTilt(mergeTilt(a, b), c)).toEqual(mergeTilt(a, mergeTilt(b, c)));
        expect(lnEDifferent(mergeTilt(a, b), 0)).toBe(lnEDifferent(mergeTilt(b, a), 0));
      }),
    );
  });

  it('gives an interval around the estimate that shrinks with events', () => {
    const few = lnRateRatioInterval(counts(0.5, 20, 40), 0.05);
    const many = lnRateRatioInterval(counts(0.5, 2_000, 4_000), 0.05);
    for (const interval of [few, many]) {
      expect(interval?.low).toBeLessThan(Math.LN2);
      expect(interval?.high).toBeGreaterThan(Math.LN2);
    }
    expect((many?.high ?? 0) - (many?.low ?? 0)).toBeLessThan(((few?.high ?? 0) - (few?.low ?? 0)) / 5);
  });

  it('shows one-sided events as an interval that ends at the largest ratio it speaks of', () => {
    expect(lnRateRatio(counts(0.1, 0, 12))).toBe(Math.log(10_000));
    expect(lnRateRatioInterval(counts(0.1, 0, 12), 0.05)?.high).toBe(Math.log(10_000));
    expect(lnRateRatioInterval(counts(0.1, 12, 0), 0.05)?.low).toBe(-Math.log(10_000));
  });

  it('gives bounds that agree with the tests at every margin', () => {
    expect(lnRateRatioBound(initialTilt(), 'lower', 0.05)).toBeNull();
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 1, maxLength: 80 }),
        fc.constantFrom(-1, -0.2, 0, 0.3, 1),
        (events, at) => {
          const state = fold(events);
          const lower = lnRateRatioBound(state, 'lower', 0.05) as number;
          const upper = lnRateRatioBound(state, 'upper', 0.05) as number;
          expect(lower).toBeLessThan(upper);
          expect(lower > at).toBe(lnEMoreOften(state, at) >= -Math.log(0.05));
          expect(upper < at).toBe(lnELessOften(state, at) >= -Math.log(0.05));
        },
      ),
    );
  });

  it('bounds the rate ratio on the far side of one-sided events only as far as it speaks of', () => {
    expect(lnRateRatioBound(counts(0.5, 0, 3), 'upper', 0.05)).toBe(Math.log(10_000));
    expect(lnRateRatioBound(counts(0.5, 3, 0), 'lower', 0.05)).toBe(-Math.log(10_000));
    expect(lnRateRatioBound(counts(0.5, 0, 400), 'lower', 0.05)).toBeGreaterThan(2);
  });

  it('stays exact over a million events', () => {
    expect(lnEMoreOften(counts(0.01, 990_000, 10_000), 0)).toBeLessThan(0);
    expect(Number.isFinite(lnEMoreOften(counts(0.01, 900_000, 100_000), 0))).toBe(true);
  });
});
