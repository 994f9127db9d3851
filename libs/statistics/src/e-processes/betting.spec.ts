import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import {
  bet,
  type Betting,
  type BettingDesign,
  initialBetting,
  lnEHarmful,
  lnENonInferior,
  mergeBetting,
  settleBets,
} from './betting.js';
import { BOLD_WEIGHTS } from './bets.js';
import { usualRange } from './usual-range.js';
import type { Arm } from '../arm.js';

const design: BettingDesign = { lo: 0, hi: 1, harmfulAt: [0, 0.05], nonInferiorAt: [0, 0.05, 0.2] };

interface Seen {
  readonly arm: Arm;
  readonly propensity: number;
  readonly value: number;
}

const seen = fc.record({
  arm: fc.constantFrom<Arm>('control', 'candidate'),
  propensity: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
  value: fc.double({ min: -2, max: 3 }),
});

function fold(observations: readonly Seen[], by: BettingDesign = design): Betting {
  const state = initialBetting(by);
  for (const { arm, propensity, value } of observations) bet(state, by, arm, propensity, value);
  return state;
}

describe('betting for means', () => {
  it('says nothing without data', () => {
    expect(lnEHarmful(initialBetting(design), 0)).toBe(0);
    expect(lnENonInferior(initialBetting(design), 2)).toBe(0);
  });

  it('agrees with values worked out by hand for two observations', () => {
    // c = 0.5; candidate 0.2 at ρ = ½: φ = (0.2 − 0.5)/½ = −0.6, b_H = 1, so the factors are 1 + 0.6 F;
    // control 0.9: φ = −0.4/½ = −0.8, factors 1 + 0.8 F.
    const state = fold(
      [
        { arm: 'candidate', propensity: 0.5, value: 0.2 },
        { arm: 'control', propensity: 0.5, value: 0.9 },
      ],
      { lo: 0, hi: 1, harmfulAt: [0], nonInferiorAt: [] },
    );
    const fractions = [0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95];
    const mean = fractions.reduce((sum, f) => sum + (1 + 0.6 * f) * (1 + 0.8 * f), 0) / fractions.length;
    expect(lnEHarmful(state, 0)).toBeCloseTo(Math.log(mean), 12);
  });

  it('is finite whatever arrives, and skips what says nothing', () => {
    const state = initialBetting(design);
    expect(bet(state, design, 'candidate', 0.5, Number.NaN)).toBe(false);
    expect(bet(state, design, 'candidate', 1, 0.5)).toBe(false);
    expect(bet(state, design, 'control', 0, 0.5)).toBe(false);
    expect(state).toEqual(initialBetting(design));
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 60 }), (observations) => {
        const folded = fold(observations);
        return [...folded.harmful, ...folded.nonInferior].every(Number.isFinite);
      }),
    );
  });

  it('finds for the swapped arms, with values negated, what it found for the others', () => {
    // Superiority of one arm is harm of the other: at margin 0 the two tests are each other's mirror image.
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 80 }), (observations) => {
        const usual = fold(observations);
        const mirrored = fold(
          observations.map(({ arm, propensity, value }) => ({
            arm: arm === 'control' ? 'candidate' : 'control',
            propensity: 1 - propensity,
            value,
          })),
        );
        expect(lnENonInferior(mirrored, 0)).toBeCloseTo(lnEHarmful(usual, 0), 8);
        expect(lnEHarmful(mirrored, 0)).toBeCloseTo(lnENonInferior(usual, 0), 8);
      }),
    );
  });

  it('merges in any order and grouping, and the empty state is neutral', () => {
    const part = fc.array(seen, { maxLength: 40 }).map((observations) => fold(observations));
    fc.assert(
      fc.property(part, part, part, (a, b, c) => {
        expect(mergeBetting(a, b)).toEqual(mergeBetting(b, a));
        expect(mergeBetting(a, initialBetting(design))).toEqual(a);
        const left = mergeBetting(mergeBetting(a, b), c);
        const right = mergeBetting(a, mergeBetting(b, c));
        left.harmful.forEach((value, k) => expect(value).toBeCloseTo(right.harmful[k] as number, 9));
      }),
    );
    expect(() => mergeBetting(initialBetting(design), initialBetting({ harmfulAt: [], nonInferiorAt: [] }))).toThrow(
      'margins',
    );
  });

  it('is the same to the bit however often it is looked at', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(seen, fc.boolean()), { maxLength: 60 }), (observations) => {
        const lookedAt = initialBetting(design);
        for (const [{ arm, propensity, value }, isLook] of observations) {
          bet(lookedAt, design, arm, propensity, value);
          if (isLook) lnEHarmful(lookedAt, 0);
        }
        const folded = fold(observations.map(([observation]) => observation));
        for (const state of [lookedAt, folded]) settleBets(state);
        expect([...lookedAt.harmful, ...lookedAt.nonInferior]).toEqual([...folded.harmful, ...folded.nonInferior]);
      }),
    );
  });

  it('widens its bounds with the variant that spreads further, and with no other, up to the most it may', () => {
    // Around a place that stays.
    const { recent: _, ...range } = usualRange({ mean: 0, spread: 1 }, 0.1);
    const by: BettingDesign = { ...range, harmfulAt: [0.1], nonInferiorAt: [0.1] };
    /** After values of these spreads: what one more does, beside what it does at bounds that are so many times as wide. */
    const factorAfter = (control: number, candidate: number, width: number): readonly [number, number] => {
      const state = initialBetting(by);
      for (let i = 0; i < 4_000; i++) {
        const arm: Arm = i % 2 === 0 ? 'control' : 'candidate';
        bet(state, by, arm, 0.5, (i % 4 < 2 ? 1 : -1) * (arm === 'control' ? control : candidate));
      }
      const fixed: BettingDesign = {
        lo: width * by.lo,
        hi: width * by.hi,
        expected: 0,
        harmfulAt: [0.1],
        nonInferiorAt: [0.1],
      };
      const same = mergeBetting(state, initialBetting(by));
      const before = lnEHarmful(state, 0);
      bet(state, by, 'candidate', 0.5, 1.5);
      bet(same, fixed, 'candidate', 0.5, 1.5);
      return [lnEHarmful(state, 0) - before, lnEHarmful(same, 0) - before];
    };
    for (const [control, candidate, width] of [
      [1, 1, 1],
      [0.2, 0.5, 1],
      [1, 2, 2],
      [2, 1, 2],
      [1, 9, 3],
    ] as const) {
      const [followed, wanted] = factorAfter(control, candidate, width);
      expect(followed).toBeCloseTo(wanted, width === 2 ? 4 : 12);
    }
  });

  it('finds the harm of a candidate of twice the spread sooner than between fixed bounds', () => {
    const range = usualRange({ mean: 0, spread: 1 }, 0.3);
    const { widening: _, ...fixed } = range;
    type Bounds = Omit<BettingDesign, 'harmfulAt' | 'nonInferiorAt'>;
    const soonest = (bounds: Bounds, seed: number): number => {
      const by = { ...bounds, harmfulAt: [0.3], nonInferiorAt: [] };
      const state = initialBetting(by);
      const random = simulationRandom(seed);
      for (let n = 1; n < 60_000; n++) {
        const isCandidate = random.uniform() < 0.05;
        const value = isCandidate ? 2 * random.normal() - 0.6 : random.normal();
        bet(state, by, isCandidate ? 'candidate' : 'control', 0.05, value);
        if (lnEHarmful(state, 0, BOLD_WEIGHTS) > 3) return n;
      }
      return 60_000;
    };
    const sum = (bounds: Bounds): number =>
      Array.from({ length: 30 }, (_unused, seed) => soonest(bounds, seed)).reduce((a, b) => a + b, 0);
    expect(sum(range)).toBeLessThan(0.85 * sum(fixed));
  });

  it('hardly depends on the order within the data', () => {
    const random = simulationRandom(5);
    const observations = Array.from({ length: 4_000 }, (): Seen => {
      const arm: Arm = random.uniform() < 0.5 ? 'candidate' : 'control';
      return { arm, propensity: 0.5, value: 0.5 + (arm === 'candidate' ? -0.02 : 0) + 0.1 * random.normal() };
    });
    const forward = lnEHarmful(fold(observations), 0);
    const backward = lnEHarmful(fold(observations.toReversed()), 0);
    expect(forward).toBeGreaterThan(10);
    expect(Math.abs(forward - backward)).toBeLessThan(0.1 * forward);
  });
});
