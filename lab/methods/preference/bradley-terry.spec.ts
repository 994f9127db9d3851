import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import { type BradleyTerry, bradleyTerry, bradleyTerryLnLikelihood } from './bradley-terry.js';

const SIZE = 4;
const matrix = fc.array(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: SIZE, maxLength: SIZE }), {
  minLength: SIZE,
  maxLength: SIZE,
});

describe('Bradley–Terry', () => {
  it('is the logit of the win rate for two variants, with the usual standard error', () => {
    const fit = fitted([
      [0, 30],
      [12, 0],
    ]);
    const difference = (fit.strengths[0] as number) - (fit.strengths[1] as number);
    expect(difference).toBeCloseTo(Math.log(30 / 12), 12);
    expect(fit.strengths[0]).toBeCloseTo(-(fit.strengths[1] as number), 12);
    // Half of the difference's, whose variance is 1/(n p (1 − p)) = 1/30 + 1/12.
    expect(fit.standardErrors[0]).toBeCloseTo(Math.sqrt(1 / 30 + 1 / 12) / 2, 10);
    expect(fit.lnLikelihood).toBeCloseTo(30 * Math.log(30 / 42) + 12 * Math.log(12 / 42), 10);
  });

  it('does not depend on the order of the variants, and swapped winners flip it', () => {
    fc.assert(
      fc.property(matrix, fc.constantFrom(0, 0.3, 2), (wins, ridge) => {
        const usual = fitted(wins, ridge);
        const order = [2, 0, 3, 1];
        const permuted = fitted(
          order.map((i) => order.map((j) => wins[i]?.[j] as number)),
          ridge,
        );
        order.forEach((of, i) => {
          expect(permuted.strengths[i]).toBeCloseTo(usual.strengths[of] as number, 9);
          expect(permuted.standardErrors[i]).toBeCloseTo(usual.standardErrors[of] as number, 9);
        });
        const flipped = fitted(
          wins.map((row, i) => row.map((_, j) => wins[j]?.[i] as number)),
          ridge,
        );
        usual.strengths.forEach((value, i) => expect(flipped.strengths[i]).toBeCloseTo(-value, 9));
        expect(usual.strengths.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 10);
      }),
      { numRuns: 30 },
    );
  });

  it('is at the top of the penalised likelihood', () => {
    fc.assert(
      fc.property(matrix, fc.constantFrom(0, 0.5), (wins, ridge) => {
        const { strengths } = fitted(wins, ridge);
        const penalised = (at: readonly number[]) =>
          bradleyTerryLnLikelihood(wins, at) - (ridge / 2) * at.reduce((sum, s) => sum + s * s, 0);
        strengths.forEach((_, i) => {
          for (const step of [-1e-3, 1e-3]) {
            const beside = strengths.map((s, j) => (i === j ? s + step : s));
            expect(penalised(beside)).toBeLessThan(penalised(strengths));
          }
        });
      }),
      { numRuns: 20 },
    );
  });

  it('has standard errors that say how far estimates lie from the truth', () => {
    const truth = [0.6, 0, -0.6];
    const runs = 150;
    const scores: number[] = [];
    for (let run = 0; run < runs; run++) {
      const random = simulationRandom(run);
      const wins = truth.map(() => truth.map(() => 0));
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < i; j++) {
          const p = 1 / (1 + Math.exp((truth[j] as number) - (truth[i] as number)));
          for (let vote = 0; vote < 60; vote++) {
            const [winner, loser] = random.uniform() < p ? [i, j] : [j, i];
            (wins[winner] as number[])[loser] = ((wins[winner] as number[])[loser] as number) + 1;
          }
        }
      }
      const fit = fitted(wins);
      scores.push(((fit.strengths[0] as number) - 0.6) / (fit.standardErrors[0] as number));
    }
    const variance = scores.reduce((sum, z) => sum + z * z, 0) / runs;
    // A mean of squared standard normals has the standard error √(2/runs).
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / runs));
  });

  it('says why there are no strengths, and has some with a ridge', () => {
    expect(
      bradleyTerry([
        [0, 0],
        [0, 0],
      ]),
    ).toEqual({ missing: 'not-enough-data' });
    const unbeaten = [
      [0, 5],
      [0, 0],
    ];
    expect(bradleyTerry(unbeaten)).toEqual({ missing: 'not-connected' });
    // Two pairs that never met.
    const apart = [
      [0, 3, 0, 0],
      [2, 0, 0, 0],
      [0, 0, 0, 4],
      [0, 0, 1, 0],
    ];
    expect(bradleyTerry(apart)).toEqual({ missing: 'not-connected' });
    const fit = fitted(unbeaten, 0.1);
    // The score is 0 where 5(1 − P) = ridge · s.
    const s = fit.strengths[0] as number;
    expect(5 / (1 + Math.exp(2 * s))).toBeCloseTo(0.1 * s, 10);
    expect(fit.standardErrors.every(Number.isFinite)).toBe(true);
    expect(fitted([...apart.slice(0, 3), [0, 0, 1, 0]], 0.1).strengths.every(Number.isFinite)).toBe(true);
    expect(
      fitted(
        [
          [0, 2, 0],
          [1, 0, 0],
          [0, 0, 0],
        ],
        0.1,
      ).strengths[2],
    ).toBeCloseTo(0, 9);
  });

  it('refuses what are no votes', () => {
    expect(() => bradleyTerry([[0]])).toThrow('1 variants');
    expect(() => bradleyTerry([[0, 1], [1]])).toThrow('a row of 1 counts');
    expect(() =>
      bradleyTerry([
        [0, -1],
        [1, 0],
      ]),
    ).toThrow('-1 wins');
    expect(() =>
      bradleyTerry(
        [
          [0, 1],
          [1, 0],
        ],
        -1,
      ),
    ).toThrow('ridge -1');
    expect(() =>
      bradleyTerryLnLikelihood(
        [
          [0, 1],
          [1, 0],
        ],
        [0],
      ),
    ).toThrow('1 strengths of 2');
  });
});

function fitted(wins: readonly (readonly number[])[], ridge = 0): Extract<BradleyTerry, { missing: null }> {
  const fit = bradleyTerry(wins, ridge);
  if (fit.missing !== null) throw new Error(fit.missing);
  return fit;
}
