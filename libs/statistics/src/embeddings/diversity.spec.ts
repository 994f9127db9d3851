import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import { compareDiversity, meanPairwiseCosine, symmetricEigenvalues, vendiScore } from './index.js';

function identity(n: number): number[][] {
  const rows = Array.from({ length: n }, () => Array.from({ length: n }, () => 0));
  rows.forEach((row, i) => (row[i] = 1));
  return rows;
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}

describe('eigenvalues of a symmetric matrix', () => {
  it('are those of matrices whose eigenvalues are known', () => {
    expect([...symmetricEigenvalues([])]).toEqual([]);
    expect([...symmetricEigenvalues([[7]])]).toEqual([7]);
    expectClose(
      symmetricEigenvalues([
        [2, 1],
        [1, 2],
      ]),
      [3, 1],
    );
    expectClose(
      symmetricEigenvalues([
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
      ]),
      [0, 0, 0],
    );
    // The second-difference matrix: 2 − 2 cos(kπ/(n + 1)).
    const n = 12;
    const chain = identity(n).map((row, i) => row.map((_, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0)));
    const wanted = Array.from({ length: n }, (_, k) => 2 - 2 * Math.cos(((n - k) * Math.PI) / (n + 1)));
    expectClose(symmetricEigenvalues(chain), wanted);
    // Hilbert's matrix of order 3, to the digits of its characteristic polynomial.
    const hilbert = identity(3).map((row, i) => row.map((_, j) => 1 / (i + j + 1)));
    expectClose(symmetricEigenvalues(hilbert), [1.408318927123654, 0.122327065853906, 0.002687340355773]);
  });

  it('keep the trace and the sum of squares, and fall', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 14 }), fc.integer(), (n, seed) => {
        const random = simulationRandom(seed);
        const a = identity(n).map((row) => row.map(() => random.normal()));
        for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) (a[j] as number[])[i] = a[i]?.[j] as number;
        const found = symmetricEigenvalues(a);
        expect(sum(found)).toBeCloseTo(sum(a.map((row, i) => row[i] as number)), 10);
        expect(sum(found.map((value) => value * value))).toBeCloseTo(sum(a.flat().map((value) => value * value)), 9);
        expect([...found]).toEqual([...found].sort((x, y) => y - x));
      }),
    );
  });

  it('need a square matrix', () => {
    expect(() => symmetricEigenvalues([[1, 2]])).toThrow('expected 1, a square matrix');
  });
});

describe('diversity', () => {
  it('counts the different directions', () => {
    expect(vendiScore(identity(6))).toBeCloseTo(6, 12);
    expect(
      vendiScore([
        [1, 2],
        [2, 4],
        [0.5, 1],
      ]),
    ).toBeCloseTo(1, 12);
    // Two groups of equal size and orthogonal directions are two pictures.
    expect(
      vendiScore([
        [1, 0],
        [3, 0],
        [0, 1],
        [0, 2],
      ]),
    ).toBeCloseTo(2, 12);
    // Two of one kind, one of another: exp of the entropy of (2/3, 1/3).
    const entropy = -(2 / 3) * Math.log(2 / 3) - (1 / 3) * Math.log(1 / 3);
    expect(
      vendiScore([
        [1, 0, 0, 0],
        [1, 0, 0, 0],
        [0, 1, 0, 0],
      ]),
    ).toBeCloseTo(Math.exp(entropy), 12);
    expect(
      meanPairwiseCosine([
        [1, 0],
        [3, 0],
        [0, 1],
        [0, 2],
      ]),
    ).toBeCloseTo(1 / 3, 12);
  });

  it('is the same from the matrix of pictures and from that of dimensions', () => {
    const random = simulationRandom(8);
    const narrow = Array.from({ length: 40 }, () => Array.from({ length: 5 }, () => random.normal()));
    const padded = narrow.map((vector) => [...vector, ...Array.from({ length: 60 }, () => 0)]);
    expect(vendiScore(padded)).toBeCloseTo(vendiScore(narrow) as number, 10);
    expect(vendiScore(narrow.toReversed())).toBeCloseTo(vendiScore(narrow) as number, 10);
  });

  it('is compared at equal n, and says why it is not', () => {
    const many = identity(8);
    const compared = compareDiversity(many, many.slice(0, 3));
    expect(compared).toMatchObject({ n: 3, missing: null });
    expect(compared.vendi?.control).toBeCloseTo(3, 12);
    expect(compared.vendi?.candidate).toBeCloseTo(3, 12);
    expect(compareDiversity(many, many, 4).n).toBe(4);
    expect(compareDiversity(many, [])).toEqual({ n: 0, vendi: null, meanCosine: null, missing: 'not-enough-data' });
    expect(compareDiversity([[1], [1]], [[0], [1]])).toMatchObject({ vendi: null, missing: 'zero-vector' });
    expect(vendiScore([])).toBeNull();
    expect(meanPairwiseCosine([[1]])).toBeNull();
  });
});

function expectClose(found: ArrayLike<number>, wanted: readonly number[]): void {
  expect(found.length).toBe(wanted.length);
  wanted.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 13));
}
