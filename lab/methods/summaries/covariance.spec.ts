import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Covariance,
  covarianceMatrix,
  initialCovariance,
  linearisedRatio,
  mergeCovariances,
  observePair,
  ratioBaseline,
  ratioOf,
} from '#libs/statistics';
import { simulationRandom } from '#libs/testing/random';
import { adjustedMean, adjustedVariance, pooledSlope, varianceReduction } from './regression-adjustment.js';

type Pair = readonly [number, number];

const number = fc.double({ noNaN: true, min: -1e3, max: 1e3 });
const lists = fc.array(fc.tuple(number, number), { maxLength: 30 });

describe('covariance', () => {
  it('is the textbook one', () => {
    const state = covarianceOf([
      [1, 2],
      [2, 4],
      [3, 9],
    ]);
    expect(covarianceMatrix(state)).toEqual({ xx: 1, yy: 13, xy: 3.5 });
    expect(covarianceMatrix(covarianceOf([[1, 1]]))).toBeNull();
    expect(observePair(state, 1, Number.NaN)).toBe(false);
    expect(observePair(state, Infinity, 1)).toBe(false);
    expect(state.n).toBe(3);
  });

  it('is a commutative monoid that agrees with folding everything', () => {
    fc.assert(
      fc.property(lists, lists, lists, (xs, ys, zs) => {
        const [a, b, c] = [covarianceOf(xs), covarianceOf(ys), covarianceOf(zs)];
        expect(mergeCovariances(initialCovariance(), a)).toEqual(a);
        expect(mergeCovariances(a, b)).toEqual(mergeCovariances(b, a));
        expectSame(mergeCovariances(mergeCovariances(a, b), c), mergeCovariances(a, mergeCovariances(b, c)));
        expectSame(mergeCovariances(a, b), covarianceOf([...xs, ...ys]));
      }),
    );
  });
});

describe('regression adjustment', () => {
  it('removes exactly what the covariate explains', () => {
    const random = simulationRandom(5);
    const groups = [0, 1].map((shift) =>
      covarianceOf(
        Array.from({ length: 4_000 }, (): Pair => {
          const x = 10 * shift + random.normal();
          return [x, 0.8 * x + 0.6 * random.normal() + shift];
        }),
      ),
    ) as [Covariance, Covariance];
    const theta = pooledSlope(groups);
    expect(Math.abs(theta - 0.8)).toBeLessThan(0.02);
    expect(Math.abs((varianceReduction(groups) ?? 0) - 0.64)).toBeLessThan(0.02);
    for (const [shift, group] of groups.entries()) {
      expect(Math.abs((adjustedVariance(group, theta) ?? 0) - 0.36)).toBeLessThan(0.03);
      expect(Math.abs((adjustedMean(group, theta, 0) ?? 9) - shift)).toBeLessThan(0.25);
    }
  });

  it('adjusts nothing where the covariate or the value does not vary, and says when there is too little', () => {
    const flat = covarianceOf([
      [1, 2],
      [1, 3],
    ]);
    expect(pooledSlope([flat])).toBe(0);
    expect(varianceReduction([flat])).toBe(0);
    expect(varianceReduction([covarianceOf([[1, 2]])])).toBeNull();
    expect(adjustedVariance(covarianceOf([[1, 2]]), 1)).toBeNull();
    expect(adjustedMean(initialCovariance(), 1, 0)).toBeNull();
  });

  it('has no negative variance where the covariate is the value itself', () => {
    const same = covarianceOf(Array.from({ length: 100 }, (_, i): Pair => [i / 7, i / 7]));
    expect(adjustedVariance(same, pooledSlope([same]))).toBeGreaterThanOrEqual(0);
    expect(adjustedVariance(same, 1)).toBeLessThan(1e-9);
  });
});

describe('ratio', () => {
  it('has the variance that repeated sampling shows', () => {
    const random = simulationRandom(8);
    const ratios: number[] = [];
    let predicted = 0;
    for (let run = 0; run < 400; run++) {
      const pairs = covarianceOf(
        Array.from({ length: 200 }, (): Pair => {
          const count = 1 + Math.floor(5 * random.uniform());
          return [3 * count + random.normal() * count, count];
        }),
      );
      const { ratio, variance } = ratioOf(pairs) as { ratio: number; variance: number };
      ratios.push(ratio);
      predicted += variance / 400;
    }
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / 400;
    const seen = ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0) / 399;
    expect(seen / predicted).toBeGreaterThan(0.8);
    expect(seen / predicted).toBeLessThan(1.2);
  });

  it('linearised at its own baseline has the ratio as its mean and the delta method as its variance', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: -50, max: 50, noNaN: true }), fc.integer({ min: 1, max: 9 })), {
          minLength: 2,
          maxLength: 30,
        }),
        (xs) => {
          const state = covarianceOf(xs);
          const baseline = ratioBaseline(state) as { ratio: number; meanDenominator: number };
          const { ratio, variance } = ratioOf(state) as { ratio: number; variance: number };
          const linearised = covarianceOf(xs.map(([x, y]): Pair => [linearisedRatio(x, y, baseline), 0]));
          expect(linearised.meanX).toBeCloseTo(ratio, 9);
          expect((covarianceMatrix(linearised)?.xx ?? 0) / xs.length).toBeCloseTo(variance, 8);
        },
      ),
    );
  });

  it('says when there is none', () => {
    expect(ratioOf(initialCovariance())).toBeNull();
    expect(ratioBaseline(covarianceOf([[1, 0]]))).toBeNull();
    expect(ratioOf(covarianceOf([[3, 2]]))).toEqual({ ratio: 1.5, variance: null });
    expect(() => linearisedRatio(1, 1, { ratio: 1, meanDenominator: 0 })).toThrow('baseline denominator 0');
  });
});

function covarianceOf(pairs: readonly Pair[]): Covariance {
  const state = initialCovariance();
  for (const [x, y] of pairs) observePair(state, x, y);
  return state;
}

function expectSame(a: Covariance, b: Covariance): void {
  for (const key of Object.keys(a) as (keyof Covariance)[]) {
    expect(Math.abs(a[key] - b[key]), key).toBeLessThan(1e-6);
  }
}
