import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import golden from '../../../libs/testing/golden/many_metrics.json' with { type: 'json' };
import {
  benjaminiHochbergAdjustedP,
  benjaminiYekutieliAdjustedP,
  bonferroniAdjustedP,
  hochbergAdjustedP,
  holmAdjustedP,
  hommelAdjustedP,
  sidakAdjustedP,
} from './adjusted-p.js';
import { eBenjaminiHochberg } from './e-benjamini-hochberg.js';
import { eValueOfP, meanOfEValues, mixedEValueOfP, pOfEValue, productOfEValues } from './e-values.js';

const adjustments: Readonly<Record<string, (ps: readonly number[]) => number[]>> = {
  bonferroniAdjustedP,
  sidakAdjustedP,
  holmAdjustedP,
  hochbergAdjustedP,
  hommelAdjustedP,
  benjaminiHochbergAdjustedP,
  benjaminiYekutieliAdjustedP,
};
const calibrators: Readonly<Record<string, (p: number, kappa?: number) => number>> = { eValueOfP, mixedEValueOfP };

/** Small ones, ties and both ends are frequent. */
const pValue = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.constantFrom(0, 1, 0.05, 0.01, 1e-300),
  fc.double({ min: -300, max: 0, noNaN: true }).map((exponent) => 10 ** exponent),
);
const family = fc.array(pValue, { maxLength: 30 });
const eValue = fc.oneof(fc.double({ min: 0, max: 500, noNaN: true }), fc.constantFrom(0, Number.NaN, 1e300));

/** Rounding apart. */
const NOT_BELOW = 1 - 1e-14;

describe('adjusted p-values', () => {
  it('agree with golden values', () => {
    for (const { function: name, arguments: given, value } of golden.values) {
      const adjust = adjustments[name];
      if (adjust === undefined) continue;
      const reached = adjust(given[0] as number[]);
      (value as number[]).forEach((wanted, index) => {
        expect(
          Math.abs((reached[index] as number) - wanted),
          `${name}(${String(given[0])})[${index}]`,
        ).toBeLessThanOrEqual(1e-13 * wanted);
      });
    }
  });

  for (const [name, adjust] of Object.entries(adjustments)) {
    it(`${name}: in [p, 1], in the order of the p-values, whatever the order of the input`, () => {
      expect(adjust([])).toEqual([]);
      fc.assert(
        fc.property(family, (ps) => {
          const adjusted = adjust(ps);
          expect(adjusted).toHaveLength(ps.length);
          expect(adjusted.every((p, index) => p >= (ps[index] as number) * NOT_BELOW && p <= 1)).toBe(true);
          const byP = ps.map((p, index) => [p, adjusted[index] as number] as const).sort((a, b) => a[0] - b[0]);
          for (const [index, [p, q]] of byP.slice(1).entries()) {
            const [before, qBefore] = byP[index] as (typeof byP)[number];
            expect(p === before ? q === qBefore : q >= qBefore).toBe(true);
          }
          expect(adjust(ps.toReversed())).toEqual(adjusted.toReversed());
        }),
      );
    });

    it(`${name}: throws for what is no p-value`, () => {
      for (const p of [Number.NaN, -0.1, 1.1]) expect(() => adjust([0.5, p])).toThrow(RangeError);
    });

    it(`${name}: leaves a single p-value alone`, () => {
      fc.assert(
        fc.property(pValue, (p) => {
          expect(Math.abs((adjust([p])[0] as number) - p)).toBeLessThanOrEqual(1e-15 * p);
        }),
      );
    });
  }

  it('are ordered: Hommel ≤ Hochberg ≤ Holm ≤ Bonferroni, Šidák ≤ Bonferroni, Benjamini-Hochberg ≤ Benjamini-Yekutieli', () => {
    const ordered = [
      [hommelAdjustedP, hochbergAdjustedP],
      [hochbergAdjustedP, holmAdjustedP],
      [holmAdjustedP, bonferroniAdjustedP],
      [sidakAdjustedP, bonferroniAdjustedP],
      [benjaminiHochbergAdjustedP, hommelAdjustedP],
      [benjaminiHochbergAdjustedP, benjaminiYekutieliAdjustedP],
    ] as const;
    fc.assert(
      fc.property(family, (ps) => {
        for (const [smaller, larger] of ordered) {
          const bounds = larger(ps);
          smaller(ps).forEach((p, index) => expect(p * NOT_BELOW).toBeLessThanOrEqual(bounds[index] as number));
        }
      }),
    );
  });

  it("Hommel's is the closure of Simes' test, subset by subset", () => {
    fc.assert(
      fc.property(fc.array(pValue, { minLength: 1, maxLength: 7 }), (ps) => {
        const adjusted = hommelAdjustedP(ps);
        ps.forEach((_, index) => {
          let worst = 0;
          for (let subset = 1; subset < 2 ** ps.length; subset++) {
            if ((subset & (1 << index)) === 0) continue;
            const members = ps.filter((__, place) => (subset & (1 << place)) !== 0).sort((a, b) => a - b);
            worst = Math.max(worst, Math.min(...members.map((p, rank) => (members.length * p) / (rank + 1))));
          }
          expect(Math.abs((adjusted[index] as number) - worst)).toBeLessThanOrEqual(1e-14 * worst);
        });
      }),
    );
  });
});

describe('e-Benjamini-Hochberg', () => {
  it('rejects nothing without evidence', () => {
    expect(eBenjaminiHochberg([], 0.05)).toEqual({ rejected: [], threshold: null });
    expect(eBenjaminiHochberg([1, Number.NaN, 0], 0.05)).toEqual({ rejected: [], threshold: null });
  });

  it('counts a hypothesis without an e-value among the m', () => {
    // One e-value of 20 rejects alone at .05, beside one that is missing it takes 40.
    expect(eBenjaminiHochberg([20], 0.05).rejected).toEqual([0]);
    expect(eBenjaminiHochberg([20, Number.NaN], 0.05).rejected).toEqual([]);
    expect(eBenjaminiHochberg([40, Number.NaN], 0.05).rejected).toEqual([0]);
  });

  it('takes the largest k, past a smaller k that fails', () => {
    // m = 3, α = .1: 30, 15, 10 are needed. The largest fails alone and all three reject together.
    expect(eBenjaminiHochberg([12, 11, 29], 0.1)).toEqual({ rejected: [0, 1, 2], threshold: 3 / (0.1 * 3) });
  });

  it('rejects a superset at a larger α, and as many as Benjamini-Hochberg with p = 1/e', () => {
    const level = fc.double({ min: 0.001, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(eValue, { maxLength: 30 }), level, level, (es, one, other) => {
        const strict = eBenjaminiHochberg(es, Math.min(one, other)).rejected;
        const lax = eBenjaminiHochberg(es, Math.max(one, other)).rejected;
        expect(lax).toEqual(expect.arrayContaining([...strict]));
        const adjusted = benjaminiHochbergAdjustedP(es.map(pOfEValue));
        adjusted.forEach((p, index) => {
          // A p capped at 1 could reject at α = 1 alone; apart from that and from rounding the two agree.
          if (Math.abs(p - one) < 1e-12 || one === 1) return;
          expect(eBenjaminiHochberg(es, one).rejected.includes(index)).toBe(p <= one);
        });
      }),
    );
  });

  it('throws for a negative e-value and for an α that is none', () => {
    expect(() => eBenjaminiHochberg([-1], 0.05)).toThrow('e-value is -1');
    expect(() => eBenjaminiHochberg([1], 0)).toThrow('alpha is 0');
  });
});

describe('merging e-values', () => {
  it('says 1 without e-values, 0 for missing ones, never infinity', () => {
    expect(meanOfEValues([])).toBe(1);
    expect(productOfEValues([])).toBe(1);
    expect(meanOfEValues([Number.NaN, 4])).toBe(2);
    expect(productOfEValues([Number.NaN, 4])).toBe(0);
    expect(productOfEValues([0, Infinity])).toBe(0);
    expect(productOfEValues([1e300, 1e300])).toBe(Number.MAX_VALUE);
    expect(meanOfEValues([Infinity, 1])).toBe(Number.MAX_VALUE);
    expect(() => meanOfEValues([-1])).toThrow('e-value is -1');
  });

  it('multiplies in any order', () => {
    for (const order of [
      [1e300, 1e300, 1e-300, 1e-300],
      [1e-300, 1e-300, 1e300, 1e300],
    ]) {
      expect(productOfEValues(order)).toBeCloseTo(1, 10);
    }
  });
});

describe('calibrators', () => {
  it('agree with golden values', () => {
    for (const { function: name, arguments: given, value } of golden.values) {
      const calibrate = calibrators[name];
      if (calibrate === undefined) continue;
      const [p, kappa] = given as number[];
      const reached = calibrate(p as number, kappa);
      expect(Math.abs(reached / (value as number) - 1), `${name}(${String(given)}): ${reached}`).toBeLessThan(1e-13);
    }
  });

  it('integrate to 1 over a uniform p, fall in p, and stay finite', () => {
    // ∫ e(p) dp over p = exp(−x²), where the singularity at 0 is smooth enough for the midpoint rule.
    const steps = 20_000;
    const width = 26 / steps;
    for (const calibrate of [(p: number) => eValueOfP(p, 0.5), (p: number) => eValueOfP(p, 0.8)]) {
      let integral = 0;
      for (let i = 0; i < steps; i++) {
        const x = (i + 0.5) * width;
        integral += calibrate(Math.exp(-x * x)) * 2 * x * Math.exp(-x * x) * width;
      }
      expect(integral).toBeCloseTo(1, 5);
    }
    fc.assert(
      fc.property(pValue, pValue, (a, b) => {
        for (const calibrate of [(p: number) => eValueOfP(p), mixedEValueOfP]) {
          expect(Number.isFinite(calibrate(a))).toBe(true);
          expect(calibrate(Math.min(a, b))).toBeGreaterThanOrEqual(calibrate(Math.max(a, b)) * NOT_BELOW);
        }
      }),
    );
  });

  it('throw for what is no p-value', () => {
    for (const p of [Number.NaN, -1, 2]) {
      expect(() => eValueOfP(p)).toThrow(RangeError);
      expect(() => mixedEValueOfP(p)).toThrow(RangeError);
    }
    expect(() => eValueOfP(0.1, 1)).toThrow('kappa is 1');
  });

  it('back to p: min(1, 1/e)', () => {
    expect(pOfEValue(20)).toBe(0.05);
    expect(pOfEValue(0.5)).toBe(1);
    expect(pOfEValue(0)).toBe(1);
    expect(pOfEValue(Number.NaN)).toBe(1);
    expect(() => pOfEValue(-1)).toThrow('e-value is -1');
  });
});
