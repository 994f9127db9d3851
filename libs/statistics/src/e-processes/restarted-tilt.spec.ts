import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Arm } from '../arm.js';
import {
  allowBadEvent,
  hitInWindow,
  initialRestartedTilt,
  lnEFirstOrLater,
  lnERestarted,
  mergeRestartedTilts,
  type RestartedTilt,
  windowAfter,
} from './restarted-tilt.js';
import { hit, initialTilt, lnEMoreOften } from './tilt.js';

interface Hit {
  readonly window: number;
  readonly arm: Arm;
  readonly propensity: number;
}

const propensities = fc.constantFrom(0.01, 0.1, 0.5);
const hits = fc.array(
  fc.record({ window: fc.nat(6), arm: fc.constantFrom<Arm>('control', 'candidate'), propensity: propensities }),
  { maxLength: 60 },
);
const boundaries = fc.constantFrom(0, Math.log(1.5));

function fold(events: readonly Hit[]): RestartedTilt {
  const state = initialRestartedTilt();
  for (const { window, arm, propensity } of events) hitInWindow(state, window, arm, propensity);
  return state;
}

describe('a tilt that begins anew in every window', () => {
  it('has windows that end when there are twice as many observations as when they began', () => {
    expect([0, 1_999, 2_000, 3_999, 4_000, 7_999, 8_000, 2e6].map(windowAfter)).toEqual([0, 0, 1, 1, 2, 2, 3, 10]);
    expect(windowAfter(1e15)).toBe(29);
  });

  it('expects, at the boundary, the evidence that it has, in whatever window the next event comes', () => {
    fc.assert(
      fc.property(hits, fc.nat(6), propensities, boundaries, (events, window, propensity, at) => {
        const odds = propensity * Math.exp(at);
        const ofCandidate = odds / (1 - propensity + odds);
        const after = (arm: Arm): number => Math.exp(lnERestarted(fold([...events, { window, arm, propensity }]), at));
        const expected = ofCandidate * after('candidate') + (1 - ofCandidate) * after('control');
        expect(expected / Math.exp(lnERestarted(fold(events), at))).toBeCloseTo(1, 9);
      }),
    );
  });

  it('costs no more than the weight of the window that knows it', () => {
    const alone = initialTilt();
    for (let k = 0; k < 30; k++) hit(alone, 'candidate', 0.1);
    const events = Array.from({ length: 30 }, (): Hit => ({ window: 4, arm: 'candidate', propensity: 0.1 }));
    expect(lnERestarted(fold(events), 0)).toBeCloseTo(lnEMoreOften(alone, 0) - Math.log(30), 6);
    expect(lnERestarted(initialRestartedTilt(), 0)).toBe(0);
  });

  it('keeps what an earlier window has found', () => {
    const early = Array.from({ length: 30 }, (): Hit => ({ window: 0, arm: 'candidate', propensity: 0.1 }));
    const late = Array.from({ length: 500 }, (): Hit => ({ window: 3, arm: 'control', propensity: 0.1 }));
    expect(lnERestarted(fold([...early, ...late]), 0)).toBeGreaterThan(lnERestarted(fold(early), 0) - 1e-6);
  });

  it('merges by window, in any order', () => {
    fc.assert(
      fc.property(hits, hits, boundaries, (a, b, at) => {
        const merged = mergeRestartedTilts(fold(a), fold(b));
        expect(lnERestarted(merged, at)).toBeCloseTo(lnERestarted(fold([...a, ...b]), at), 9);
        expect(mergeRestartedTilts(fold(b), fold(a))).toEqual(merged);
      }),
    );
  });

  it('gives control the bad events that a margin allows, evenly', () => {
    const state = initialRestartedTilt();
    const taken = Array.from({ length: 1_000 }, () => allowBadEvent(state, 1, 0.25, 0.5));
    expect(taken.filter(Boolean).length).toBe(250);
    expect(state.windows[1]?.hits.get(0.5)).toEqual({ control: 250, candidate: 0 });
    expect(allowBadEvent(initialRestartedTilt(), 0, 0.5, 0.5)).toBe(false);
  });

  it('is averaged with the test of first values, which costs those hardly anything', () => {
    expect(lnEFirstOrLater(5, -9)).toBeCloseTo(5 - Math.log(4 / 3), 5);
    expect(lnEFirstOrLater(-9, 9)).toBeCloseTo(9 - Math.log(4), 5);
    expect(lnEFirstOrLater(2, 2)).toBeCloseTo(2, 12);
  });
});
