import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import type { Arm } from '../arm.js';
import { initialClassCentres, NO_CLASS, observeClass, predictClass } from './class-centres.js';
import {
  betInClass,
  initialNestedBetting,
  lnENestedNonInferior,
  nestedBettingDesign,
  nestedRanges,
} from './nested-betting.js';

describe('centres of classes', () => {
  it('draw a rare class towards what all have in common, as worked out by hand', () => {
    const centres = initialClassCentres(3);
    for (const distance of [3, 1]) observeClass(centres, 1, distance);
    observeClass(centres, 2, -1);
    // Means 2 and −1, of 2 and 1 values, each beside 32 of nothing.
    const lowest = -1 / 33;
    const highest = (2 * 2) / 34;
    expect(predictClass(centres, 1)).toEqual({ offset: highest, lowest, highest });
    expect(predictClass(centres, 0)).toEqual({ offset: 0, lowest, highest });
  });

  it('know nothing of classes that are not kept', () => {
    const centres = initialClassCentres(3);
    for (const of of [-1, 3, Number.NaN]) {
      observeClass(centres, of, 5);
      expect(predictClass(centres, of)).toEqual(NO_CLASS);
    }
    expect(centres).toEqual(initialClassCentres(3));
  });

  it('make a mixture of easy and hard prompts cost less than two thirds of the units', () => {
    const margin = 0.2;
    const spread = Math.hypot(1, 1.5);
    const design = nestedBettingDesign(nestedRanges({ mean: 0, spread }, margin), {
      harmfulAt: margin,
      steps: [{ share: 0.9, margin }],
    });
    const unitsUntilProven = (seed: number, isClassKnown: boolean): number => {
      const random = simulationRandom(seed);
      const state = initialNestedBetting(design);
      const classes = initialClassCentres(64);
      for (let unit = 1; unit < 20_000; unit++) {
        const arm: Arm = random.uniform() < 0.5 ? 'candidate' : 'control';
        const isHard = random.uniform() < 0.5;
        const value = random.normal() + (isHard ? -1.5 : 1.5);
        betInClass(state, design, arm, 0.5, value, classes, isClassKnown ? (isHard ? 7 : 30) : null);
        if (lnENestedNonInferior(state, design, 0) >= Math.log(20)) return unit;
      }
      return 20_000;
    };
    const sum = (isClassKnown: boolean): number =>
      Array.from({ length: 20 }, (_, seed) => unitsUntilProven(seed + 1, isClassKnown)).reduce((a, b) => a + b);
    expect(sum(true)).toBeLessThan(0.65 * sum(false));
  });
});
