import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Arm } from '../arm.js';
import { normalQuantile } from '../distributions/normal.js';
import { FAR_TAIL_SHARE, farTailLimit, lnETailMoreOften, type PastValues } from './nested-tails.js';
import { hit, initialTilt, lnEMoreOften, type Tilt } from './tilt.js';

interface TailEvent {
  readonly arm: Arm;
  readonly propensity: number;
  readonly isFar: boolean;
}

const propensity = fc.constantFrom(0.001, 0.01, 0.1, 0.5);
const event = fc.record({ arm: fc.constantFrom<Arm>('control', 'candidate'), propensity, isFar: fc.boolean() });
const boundary = fc.constantFrom(0, Math.log(1.5), Math.LN2, 2);

function fold(events: readonly TailEvent[]): { readonly near: Tilt; readonly far: Tilt } {
  const [near, far] = [initialTilt(), initialTilt()];
  for (const { arm, propensity: share, isFar } of events) {
    hit(near, arm, share);
    if (isFar) hit(far, arm, share);
  }
  return { near, far };
}

function lnE(events: readonly TailEvent[], at: number): number {
  const { near, far } = fold(events);
  return lnETailMoreOften(near, far, at);
}

describe('nested tails', () => {
  it('expects, at the boundary, the evidence that it has: wherever in the tail the next event lies', () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 40 }),
        propensity,
        fc.boolean(),
        boundary,
        (events, share, isFar, at) => {
          const odds = share * Math.exp(at);
          const ofCandidate = odds / (1 - share + odds);
          const after = (arm: Arm): number => Math.exp(lnE([...events, { arm, propensity: share, isFar }], at));
          const expected = ofCandidate * after('candidate') + (1 - ofCandidate) * after('control');
          expect(expected / Math.exp(lnE(events, at))).toBeCloseTo(1, 9);
        },
      ),
    );
  });

  it('costs ln 2 at most beside the whole tail alone', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), boundary, (events, at) => {
        expect(lnE(events, at)).toBeGreaterThanOrEqual(lnEMoreOften(fold(events).near, at) - Math.LN2 - 1e-9);
      }),
    );
  });

  it('never takes one picture for proof, but three far below control’s where the whole tail proves nothing yet', () => {
    const quietControl = Array.from({ length: 60 }, (_, index): TailEvent => ({
      arm: 'control',
      propensity: 0.01,
      isFar: index % 10 === 0,
    }));
    const wrong: TailEvent = { arm: 'candidate', propensity: 0.01, isFar: true };
    const rejectsAt = -Math.log(0.05);
    for (const share of [1e-4, 0.001, 0.01, 0.1]) {
      expect(lnE([{ ...wrong, propensity: share }], 0)).toBeLessThan(rejectsAt);
    }
    expect(lnE([...quietControl, wrong], Math.log(1.5))).toBeLessThan(rejectsAt);
    const three = [...quietControl, wrong, wrong, wrong];
    expect(lnE(three, Math.log(1.5))).toBeGreaterThan(rejectsAt);
    expect(lnEMoreOften(fold(three).near, Math.log(1.5))).toBeLessThan(rejectsAt);
  });
});

const readFrom = (values: readonly number[]): PastValues => {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    n: sorted.length,
    quantile: (p) => sorted[Math.max(1, Math.ceil(p * sorted.length)) - 1] ?? null,
  };
};

describe('the limit of the far end', () => {
  it('is the far quantile of a normal law, however it lies and spreads', () => {
    for (const [mean, spread] of [
      [0, 1],
      [0.85, 0.014],
      [-30, 5],
    ] as const) {
      const past = { n: 10_000, quantile: (p: number) => mean + spread * normalQuantile(p) };
      expect(farTailLimit(past, 0.02)).toBeCloseTo(mean + spread * normalQuantile(0.02 * FAR_TAIL_SHARE), 12);
    }
  });

  it('lies beyond the tail’s own limit from the first values on, and where there is nothing to see is none', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 20, maxLength: 300 }),
        fc.constantFrom(0.01, 0.02, 0.05, 0.2),
        (values, level) => {
          const past = readFrom(values);
          expect(farTailLimit(past, level)).toBeLessThanOrEqual(past.quantile(level) as number);
        },
      ),
    );
    expect(farTailLimit(readFrom([]), 0.02)).toBeNull();
    expect(farTailLimit(readFrom([1, ...Array.from({ length: 30 }, () => Infinity)]), 0.02)).toBeNull();
  });
});
