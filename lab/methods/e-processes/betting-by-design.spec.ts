import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Arm,
  bet,
  type BettingDesign,
  bettingInterval,
  bettingIntervalDesign,
  initialBetting,
  initialWitnessTilt,
  lnEHarmful,
  lnENonInferior,
  lnEWitness,
  mergeWitnessTilts,
  observeWitness,
  type WitnessTilt,
} from '#libs/statistics';
import { type AdjustedBetting, betAdjusted, initialAdjustedBetting, mergeAdjustedBetting } from './adjusted-betting.js';
import { initialLinearPredictor, observeLinear, predict, predictionSpread } from './linear-predictor.js';
import { betOnRatio } from './ratio-betting.js';

const arms = fc.constantFrom<Arm>('control', 'candidate');
const propensities = fc.double({ min: 0.01, max: 0.99, noNaN: true });
const any = fc.oneof(fc.double({ min: -2, max: 3 }), fc.constantFrom(Infinity, -Infinity, 0.5));
const design: BettingDesign = { lo: 0, hi: 1, harmfulAt: [0, 0.05, -0.05], nonInferiorAt: [0, 0.05, -0.05] };

describe('betting with regression adjustment', () => {
  const seen = fc.record({
    arm: arms,
    propensity: propensities,
    value: any,
    covariates: fc.tuple(any, fc.constant(2)),
  });
  type Seen = { arm: Arm; propensity: number; value: number; covariates: [number, number] };
  const fold = (observations: readonly Seen[]): AdjustedBetting => {
    const state = initialAdjustedBetting(design, 2);
    for (const { arm, propensity, value, covariates } of observations)
      betAdjusted(state, design, arm, propensity, value, covariates);
    return state;
  };

  it('is betting itself where covariates say nothing', () => {
    const plain = initialBetting(design);
    const adjusted = initialAdjustedBetting(design, 1);
    for (let i = 0; i < 200; i++) {
      const arm: Arm = i % 3 === 0 ? 'candidate' : 'control';
      bet(plain, design, arm, 0.4, (i % 7) / 7);
      betAdjusted(adjusted, design, arm, 0.4, (i % 7) / 7, [Number.NaN]);
    }
    expect(adjusted.betting).toEqual(plain);
  });

  it('is finite whatever arrives, a constant covariate included, and merges commutatively', () => {
    const part = fc.array(seen, { minLength: 30, maxLength: 90 }).map(fold);
    fc.assert(
      fc.property(part, part, (a, b) => {
        for (const margin of [0, 1, 2]) {
          expect(Number.isFinite(lnEHarmful(a.betting, margin))).toBe(true);
          expect(Number.isFinite(lnENonInferior(a.betting, margin))).toBe(true);
        }
        expect(mergeAdjustedBetting(a, b)).toEqual(mergeAdjustedBetting(b, a));
        expect(mergeAdjustedBetting(a, initialAdjustedBetting(design, 2))).toEqual(a);
      }),
      { numRuns: 40 },
    );
  });

  it('predicts a linear law exactly, once there is a past, with one of two equal covariates', () => {
    const predictor = initialLinearPredictor(3);
    expect(predict(predictor, [1, 1, 1])).toBeNull();
    for (let i = 0; i < 5_000; i++) {
      const [x, z] = [Math.sin(i), Math.cos(3 * i)];
      observeLinear(predictor, [x, x, z], 2 + 3 * x - z);
    }
    expect(predict(predictor, [0.5, 0.5, 0.25])).toBeCloseTo(3.25, 2);
    expect(predict(predictor, [Number.NaN, 0, 0])).toBeNull();
    expect(predictionSpread(predictor)).toBeCloseTo(Math.sqrt(5), 1);
    expect(() => predict(predictor, [1])).toThrow('1 covariates: expected 3');
  });

  it('stakes the same on every unit, whatever its covariates, once the past is given', () => {
    // The expectation of a factor over the covariate has to be 1 where effects cancel over it: +e at one value, −e at the other.
    const past = Array.from({ length: 200 }, (_, i): [number, number] => [i % 2, 0.1 + 0.2 * (i % 2)]);
    const mean = [0, 1].reduce((sum, covariate) => {
      const effect = covariate === 1 ? 0.05 : -0.05;
      return (
        sum +
        ['candidate', 'control'].reduce((inner, arm) => {
          const state = initialAdjustedBetting(design, 1);
          for (const [x, value] of past) betAdjusted(state, design, 'control', 0.5, value, [x]);
          // A fresh product, so that what is read is one factor, averaged over the bets.
          state.betting.harmful.set(initialBetting(design).harmful);
          const value = 0.1 + 0.2 * covariate + (arm === 'candidate' ? effect : 0);
          betAdjusted(state, design, arm as Arm, 0.5, value, [covariate]);
          return inner + Math.exp(lnEHarmful(state.betting, 0)) / 4;
        }, 0)
      );
    }, 0);
    expect(mean).toBeCloseTo(1, 9);
  });
});

describe('betting on a ratio', () => {
  it('bets on the linearised value', () => {
    const by = { ...design, lo: -2, hi: 3 };
    const reached = initialBetting(by);
    const wanted = initialBetting(by);
    betOnRatio(reached, by, { ratio: 0.5, meanDenominator: 4 }, 'candidate', 0.2, { numerator: 3, denominator: 8 });
    bet(wanted, by, 'candidate', 0.2, 0.5 + (3 - 4) / 4);
    expect(reached).toEqual(wanted);
  });
});

describe('interval of the effect', () => {
  const effects = Array.from({ length: 41 }, (_, index) => (index - 20) / 40);
  const by = bettingIntervalDesign({ lo: 0, hi: 1 }, effects);

  it('is all there is without data, and shrinks around the effect with them', () => {
    const state = initialBetting(by);
    expect(bettingInterval(state, by, 0.05)).toEqual({ low: -1, high: 1 });
    for (let i = 0; i < 2_000; i++) {
      const arm: Arm = i % 2 === 0 ? 'candidate' : 'control';
      bet(state, by, arm, 0.5, 0.5 + (arm === 'candidate' ? 0.11 : 0) + 0.1 * Math.sin(i));
    }
    const { low, high } = bettingInterval(state, by, 0.05);
    expect(low).toBeGreaterThan(0.02);
    expect(low).toBeLessThan(0.11);
    expect(high).toBeGreaterThan(0.11);
    expect(high).toBeLessThan(0.2);
    const narrower = bettingInterval(state, by, 0.5);
    expect(narrower.low).toBeGreaterThanOrEqual(low);
    expect(narrower.high).toBeLessThanOrEqual(high);
  });

  it('flips with the arms', () => {
    const observation = fc.record({ arm: arms, propensity: propensities, value: any });
    fc.assert(
      fc.property(fc.array(observation, { minLength: 50, maxLength: 150 }), (observations) => {
        const usual = initialBetting(by);
        const swapped = initialBetting(by);
        // Margins shift the candidate's values alone, so only the signs of both ends are mirrored exactly.
        for (const { arm, propensity, value } of observations) {
          bet(usual, by, arm, propensity, value);
          bet(swapped, by, arm === 'control' ? 'candidate' : 'control', 1 - propensity, value);
        }
        const at = effects.indexOf(0);
        expect(lnEHarmful(swapped, at)).toBeCloseTo(lnENonInferior(usual, at), 8);
      }),
      { numRuns: 20 },
    );
  });
});

describe('witness tilt', () => {
  const seen = fc.record({
    arm: arms,
    propensity: propensities,
    embedding: fc.array(any, { minLength: 3, maxLength: 3 }),
  });
  type Seen = { arm: Arm; propensity: number; embedding: number[] };
  const fold = (observations: readonly Seen[]): WitnessTilt => {
    const state = initialWitnessTilt(3);
    for (const { arm, propensity, embedding } of observations) observeWitness(state, arm, propensity, embedding);
    return state;
  };

  it('says nothing of equal embeddings, nor of assignments that were not random, nor of what is not finite', () => {
    const ties = Array.from({ length: 100 }, (_, i): Seen => ({
      arm: i % 2 === 0 ? 'control' : 'candidate',
      propensity: 0.5,
      embedding: [1, 2, 3],
    }));
    expect(lnEWitness(fold([]))).toBe(0);
    expect(lnEWitness(fold(ties))).toBe(0);
    expect(observeWitness(initialWitnessTilt(3), 'candidate', 1, [1, 2, 3])).toBe(false);
    expect(observeWitness(initialWitnessTilt(3), 'candidate', 0.5, [1, Number.NaN, 3])).toBe(false);
    expect(() => observeWitness(initialWitnessTilt(3), 'candidate', 0.5, [1])).toThrow('expected 3');
  });

  it('is finite whatever arrives, flips with the arms, and merges commutatively', () => {
    const observations = fc.array(seen, { minLength: 40, maxLength: 120 });
    fc.assert(
      fc.property(observations, observations, (a, b) => {
        const state = fold(a);
        expect(Number.isFinite(lnEWitness(state))).toBe(true);
        const swapped = a.map(({ arm, propensity, embedding }): Seen => ({
          arm: arm === 'control' ? 'candidate' : 'control',
          propensity: 1 - propensity,
          embedding,
        }));
        expect(lnEWitness(fold(swapped))).toBeCloseTo(lnEWitness(state), 6);
        expect(mergeWitnessTilts(state, fold(b))).toEqual(mergeWitnessTilts(fold(b), state));
        expect(mergeWitnessTilts(state, fold([]))).toEqual(state);
      }),
      { numRuns: 40 },
    );
  });
});
