import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import golden from '../../../libs/testing/golden/distributions.json' with { type: 'json' };
import * as labMethods from '#lab/methods';
import * as statistics from '#libs/statistics';

const {
  betaLowerTail,
  betaQuantile,
  betaUpperTail,
  binomialLowerTail,
  binomialUpperTail,
  chiSquareLowerTail,
  chiSquareQuantile,
  chiSquareUpperTail,
  erfc,
  erfcInverse,
  fLowerTail,
  fUpperTail,
  gammaLowerTail,
  gammaUpperTail,
  lambertWMinusOne,
  lnBetaLowerTail,
  lnBetaUpperTail,
  lnGammaUpperTail,
  lnNormalUpperTail,
  normalLowerTail,
  normalQuantile,
  normalUpperQuantile,
  normalUpperTail,
  poissonLowerTail,
  poissonUpperTail,
  studentTLowerTail,
  studentTQuantile,
  studentTUpperQuantile,
  studentTUpperTail,
} = { ...statistics, ...labMethods };

type Computed = (...args: readonly number[]) => number;
const computed = new Map(Object.entries({ ...statistics, ...labMethods })) as ReadonlyMap<string, unknown>;

function relativeError(reached: number, wanted: number): number {
  return wanted === reached ? 0 : Math.abs(reached - wanted) / Math.max(Math.abs(wanted), 1e-300);
}

describe('golden values', () => {
  const functions = [...new Set(golden.values.map((value) => value.function))];
  it.each(functions)('%s', (name) => {
    const compute = computed.get(name) as Computed;
    const cases = golden.values.filter((value) => value.function === name);
    for (const { arguments: args, value } of cases) {
      // The centre of a distribution is 1/√parameter wide: the rounding of x is so much more there.
      const allowed = 1e-12 + 4 * Number.EPSILON * Math.sqrt(Math.min(Math.max(1, ...args), 1e10));
      const reached = compute(...args);
      expect(relativeError(reached, value), `${name}(${args.join(', ')}): ${reached} instead of ${value}`).toBeLessThan(
        allowed,
      );
    }
  });
});

const shape = fc.double({ min: -6, max: 8, noNaN: true }).map((exponent) => 10 ** exponent);
const chance = fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true });
const tinyChance = fc.double({ min: -250, max: -0.31, noNaN: true }).map((exponent) => 10 ** exponent);
/** Distances from the centre in standard deviations. */
const deviation = fc.double({ min: -12, max: 12, noNaN: true });

function pointNear(mean: number, variance: number, sds: number): number {
  return Math.max(mean + sds * Math.sqrt(variance), mean / 1e3);
}

describe('both tails', () => {
  it('of a beta variable add up to 1, as logarithms too, and change places with the parameters', () => {
    fc.assert(
      fc.property(shape, shape, deviation, (a, b, sds) => {
        const mean = a / (a + b);
        const x = Math.min(pointNear(mean, (mean * (1 - mean)) / (a + b + 1), sds), 1);
        expect(betaLowerTail(x, a, b) + betaUpperTail(x, a, b)).toBeCloseTo(1, 12);
        expect(Math.exp(lnBetaLowerTail(x, a, b)) + Math.exp(lnBetaUpperTail(x, a, b))).toBeCloseTo(1, 12);
        // 1 − x is exact from ½ on.
        if (x >= 0.5) expect(relativeError(betaLowerTail(1 - x, b, a), betaUpperTail(x, a, b))).toBeLessThan(1e-10);
      }),
    );
  });

  it('of gamma, chi-square, t, F, normal, binomial and Poisson variables add up to 1', () => {
    fc.assert(
      fc.property(shape, shape, deviation, (a, b, sds) => {
        const x = pointNear(a, a, sds);
        expect(gammaLowerTail(x, a) + gammaUpperTail(x, a)).toBeCloseTo(1, 12);
        expect(chiSquareLowerTail(x, a) + chiSquareUpperTail(x, a)).toBeCloseTo(1, 12);
        expect(studentTLowerTail(sds, a) + studentTUpperTail(sds, a)).toBeCloseTo(1, 12);
        expect(fLowerTail(x / a, a, b) + fUpperTail(x / a, a, b)).toBeCloseTo(1, 12);
        expect(normalLowerTail(sds) + normalUpperTail(sds)).toBeCloseTo(1, 14);
        const count = Math.floor(x);
        expect(poissonLowerTail(count, a) + poissonUpperTail(count + 1, a)).toBeCloseTo(1, 12);
        const n = count + Math.ceil(b);
        expect(binomialLowerTail(count, n, 0.3) + binomialUpperTail(count + 1, n, 0.3)).toBeCloseTo(1, 12);
      }),
    );
  });

  it('are monotone in the argument, across the borders between methods', () => {
    fc.assert(
      fc.property(shape, shape, deviation, fc.double({ min: 1e-6, max: 0.5, noNaN: true }), (a, b, sds, step) => {
        const x = pointNear(a, a, sds);
        expect(lnGammaUpperTail(x * (1 + step), a)).toBeLessThanOrEqual(lnGammaUpperTail(x, a) + 1e-12);
        const odds = x / a;
        const here = lnBetaUpperTail(odds / (1 + odds), a, b);
        const further = lnBetaUpperTail((odds * (1 + step)) / (1 + odds * (1 + step)), a, b);
        expect(further).toBeLessThanOrEqual(here + 1e-11 * Math.max(1, Math.abs(here)));
        expect(studentTUpperTail(sds + step, a)).toBeLessThanOrEqual(studentTUpperTail(sds, a) * (1 + 1e-12));
        expect(lnNormalUpperTail(sds + step)).toBeLessThan(lnNormalUpperTail(sds));
      }),
    );
  });

  it('of t and normal variables are symmetric', () => {
    fc.assert(
      fc.property(shape, deviation, (df, t) => {
        expect(studentTLowerTail(-t, df)).toBe(studentTUpperTail(t, df));
        expect(normalLowerTail(-t)).toBe(normalUpperTail(t));
      }),
    );
  });
});

describe('quantiles', () => {
  it('have the tail they were asked for, far out too', () => {
    fc.assert(
      fc.property(tinyChance, shape, shape, (p, a, b) => {
        expect(relativeError(erfc(erfcInverse(p)), p)).toBeLessThan(1e-12);
        expect(relativeError(normalUpperTail(normalUpperQuantile(p)), p)).toBeLessThan(1e-12);
        expect(relativeError(normalLowerTail(normalQuantile(p)), p)).toBeLessThan(1e-12);
        const t = studentTUpperQuantile(p, a);
        if (t < 1e300) expect(relativeError(studentTUpperTail(t, a), p)).toBeLessThan(1e-9);
        const x = betaQuantile(p, a, b);
        // A quantile that rounds to 0 or 1 has lost its tail.
        if (x > 1e-290 && x < 0.9) expect(relativeError(betaLowerTail(x, a, b), p)).toBeLessThan(1e-8);
        const chiSquare = chiSquareQuantile(p, a);
        if (chiSquare > 1e-290) expect(relativeError(chiSquareLowerTail(chiSquare, a), p)).toBeLessThan(1e-8);
      }),
    );
  });

  it('of chi-square have the upper tail that is left', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 50 }), shape, (bits, df) => {
        const p = 1 - 2 ** -bits;
        const x = chiSquareQuantile(p, df);
        // Below, doubles have too few digits left.
        if (x > 1e-290) expect(relativeError(chiSquareUpperTail(x, df), 2 ** -bits)).toBeLessThan(1e-8);
      }),
    );
  });

  it('of t are symmetric, and grow with p', () => {
    fc.assert(
      fc.property(chance, chance, shape, (p, q, df) => {
        expect(studentTUpperQuantile(p, df)).toBe(-studentTQuantile(p, df));
        if (p < q) expect(studentTQuantile(p, df)).toBeLessThanOrEqual(studentTQuantile(q, df));
      }),
    );
  });

  it('are the ends of the support at 0 and 1', () => {
    expect([normalQuantile(0), normalQuantile(1)]).toEqual([-Infinity, Infinity]);
    expect([studentTQuantile(0, 3), studentTQuantile(1, 3)]).toEqual([-Infinity, Infinity]);
    expect([betaQuantile(0, 2, 3), betaQuantile(1, 2, 3)]).toEqual([0, 1]);
    expect([chiSquareQuantile(0, 2), chiSquareQuantile(1, 2)]).toEqual([0, Infinity]);
  });
});

describe('the ends', () => {
  it('have tails 0 and 1', () => {
    expect([betaLowerTail(0, 2, 3), betaUpperTail(0, 2, 3), betaLowerTail(1, 2, 3), betaUpperTail(1, 2, 3)]).toEqual([
      0, 1, 1, 0,
    ]);
    expect([gammaLowerTail(0, 2), gammaUpperTail(Infinity, 2), chiSquareUpperTail(-1, 2)]).toEqual([0, 0, 1]);
    expect([studentTUpperTail(Infinity, 2), studentTLowerTail(Infinity, 2), studentTUpperTail(0, 2)]).toEqual([
      0, 1, 0.5,
    ]);
    expect([normalUpperTail(Infinity), normalLowerTail(Infinity), normalUpperTail(-1e9)]).toEqual([0, 1, 1]);
    expect([fUpperTail(0, 2, 3), fLowerTail(0, 2, 3), fUpperTail(Infinity, 2, 3)]).toEqual([1, 0, 0]);
    expect([binomialLowerTail(-1, 5, 0.2), binomialLowerTail(5, 5, 0.2), binomialUpperTail(6, 5, 0.2)]).toEqual([
      0, 1, 0,
    ]);
    expect([binomialLowerTail(2, 5, 0), binomialUpperTail(2, 5, 1), poissonLowerTail(0, 0)]).toEqual([1, 1, 1]);
  });

  it('of the degrees of freedom: infinitely many are the normal law, and finite ones come near it', () => {
    expect(studentTUpperTail(1.3, Infinity)).toBe(normalUpperTail(1.3));
    expect(studentTQuantile(0.1, Infinity)).toBe(normalQuantile(0.1));
    for (const df of [1e15, 1e19, 1e300]) {
      expect(relativeError(studentTUpperTail(3, df), normalUpperTail(3))).toBeLessThan(1e-12);
      expect(relativeError(studentTQuantile(1e-9, df), normalQuantile(1e-9))).toBeLessThan(1e-12);
      expect(relativeError(studentTUpperQuantile(1e-200, df), normalUpperQuantile(1e-200))).toBeLessThan(1e-11);
    }
  });

  it('of logarithms stay finite where the tail itself is 0', () => {
    expect(betaLowerTail(1e-9, 1e6, 2)).toBe(0);
    expect(lnBetaLowerTail(1e-9, 1e6, 2)).toBeCloseTo(1e6 * Math.log(1e-9) + Math.log(1e6 + 1), 4);
    expect(gammaUpperTail(2000, 1)).toBe(0);
    expect(lnGammaUpperTail(2000, 1)).toBeCloseTo(-2000, 9);
  });
});

describe('Lambert W₋₁', () => {
  it('inverts w e^w', () => {
    fc.assert(
      fc.property(fc.double({ min: -700, max: -1.001, noNaN: true }), (w) => {
        expect(relativeError(lambertWMinusOne(w * Math.exp(w)), w)).toBeLessThan(1e-12);
      }),
    );
  });
});

describe('programming errors', () => {
  it('name the value and what was expected', () => {
    expect(() => studentTUpperTail(1, 0)).toThrow('0 degrees of freedom: expected a positive number');
    expect(() => betaLowerTail(0.5, -1, 2)).toThrow('beta parameters -1 and 2');
    expect(() => gammaLowerTail(1, Number.NaN)).toThrow('shape NaN');
    expect(() => normalQuantile(1.5)).toThrow('expected a probability');
    expect(() => lambertWMinusOne(0)).toThrow('expected a number in [−1/e, 0)');
    expect(() => binomialLowerTail(1.5, 3, 0.5)).toThrow('expected integers');
  });
});
